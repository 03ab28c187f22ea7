/** What the edits write into `vms.nix`. */
export type NixValue = string | number | boolean;

/**
 * Rewrites one VM's entry in the text of `vms.nix` and leaves the rest as a person wrote it. Entries are the blocks
 * `  key = {` … `  };` with two spaces of indentation.
 */
export function editVm(text: string, key: string, edit: (entry: string) => string): string {
  const { start, end } = findVm(text, key);
  return text.slice(0, start) + edit(text.slice(start, end)) + text.slice(end);
}

/** The text without one VM's entry and the empty line before it. */
export function removeVmText(text: string, key: string): string {
  const { start, end } = findVm(text, key);
  return text.slice(0, start).replace(/\n\n$/, '\n') + text.slice(end);
}

/** Sets a field of an entry; a new one goes to its end. */
export function setValue(entry: string, field: string, value: NixValue): string {
  const line = `    ${field} = ${JSON.stringify(value)};\n`;
  const present = new RegExp(`^    ${field} = .*;\n`, 'm');
  return present.test(entry) ? entry.replace(present, () => line) : entry.replace(/ {2}};\n$/, () => `${line}  };\n`);
}

/** The entries of `vms.nix` by key, as text. */
export function vmEntries(text: string): ReadonlyMap<string, string> {
  const matches = text.matchAll(/^ {2}([A-Za-z][\w-]*) = \{\n[\s\S]*?^ {2}\};\n/gm);
  return new Map(Array.from(matches, ([entry, key = '']) => [key, entry]));
}

function findVm(text: string, key: string): { start: number; end: number } {
  const entry = vmEntries(text).get(key);
  if (entry === undefined) throw new Error(`vms.nix has no VM ${key}`);
  const start = text.indexOf(entry);
  return { start, end: start + entry.length };
}
