/** The values that edits write into an entry. */
export type NixValue = string | number | boolean;

/**
 * Rewrites one guest's entry in the text of `vms.nix` or `containers.nix` and leaves the rest as a person wrote it.
 * Entries are the blocks `  key = {` … `  };` with two spaces of indentation.
 * @returns `undefined` where there is no such entry
 */
export function editEntry(text: string, key: string, edit: (entry: string) => string): string | undefined {
  const found = findEntry(text, key);
  if (found === undefined) return undefined;
  return text.slice(0, found.start) + edit(text.slice(found.start, found.end)) + text.slice(found.end);
}

/** The text without one guest's entry and the empty line before it. */
export function removeEntry(text: string, key: string): string | undefined {
  const found = findEntry(text, key);
  if (found === undefined) return undefined;
  return text.slice(0, found.start).replace(/\n\n$/, '\n') + text.slice(found.end);
}

/** Sets a field of an entry; a new one goes to its end. */
export function setValue(entry: string, field: string, value: NixValue): string {
  const line = `    ${field} = ${JSON.stringify(value)};\n`;
  const present = new RegExp(`^    ${field} = .*;\n`, 'm');
  return present.test(entry) ? entry.replace(present, () => line) : entry.replace(/ {2}};\n$/, () => `${line}  };\n`);
}

function findEntry(text: string, key: string): { start: number; end: number } | undefined {
  for (const match of text.matchAll(/^ {2}([A-Za-z][\w-]*) = \{\n[\s\S]*?^ {2}\};\n/gm)) {
    if (match[1] === key) return { start: match.index, end: match.index + match[0].length };
  }
  return undefined;
}
