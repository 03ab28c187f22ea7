/**
 * Reads the part of Nix that data is written in: sets with paths for names, lists, strings, numbers, yes and no. So texts
 * can be checked where there is no Nix. Throws for everything else.
 */
export function readNix(text: string): unknown {
  const tokens = [...text.matchAll(token)].map(([one]) => one).filter((one) => !/^(?:\s|#)/.test(one));
  let at = 0;
  const next = () => tokens[at++] ?? '';
  const expect = (wanted: string) => {
    const found = next();
    if (found !== wanted) throw new Error(`expected ${wanted}, found ${found || 'the end'}`);
  };
  const value = (): unknown => {
    const first = next();
    if (first === '{') return set();
    if (first === '[') return list();
    if (first === '(') return inParentheses();
    if (first.startsWith('"')) return textOf(first);
    if (first === 'true' || first === 'false') return first === 'true';
    if (/^\d/.test(first)) return Number(first);
    throw new Error(`no data: ${first}`);
  };
  const list = (): unknown[] => {
    const items: unknown[] = [];
    while (tokens[at] !== ']') items.push(value());
    at++;
    return items;
  };
  const set = (): Record<string, unknown> => {
    const all: Record<string, unknown> = {};
    while (tokens[at] !== '}') {
      const path = [name()];
      while (tokens[at] === '.') {
        at++;
        path.push(name());
      }
      expect('=');
      put(all, path, value());
      expect(';');
    }
    at++;
    return all;
  };
  const name = (): string => {
    const found = next();
    if (found.startsWith('"')) return textOf(found);
    if (/^[A-Za-z_]/.test(found)) return found;
    throw new Error(`no name: ${found}`);
  };
  const inParentheses = (): unknown => {
    if (tokens[at] === '-') {
      at++;
      const number = -Number(next());
      expect(')');
      return number;
    }
    for (const part of ['builtins', '.', 'fromJSON']) expect(part);
    const json: unknown = JSON.parse(textOf(next()));
    expect(')');
    return json;
  };
  const read = value();
  if (at < tokens.length) throw new Error(`more after the end: ${tokens[at]}`);
  return read;
}

const token = /\s+|#[^\n]*|"(?:[^"\\]|\\[\s\S])*"|\d+(?:\.\d+)?|[A-Za-z_][\w'-]*|[\s\S]/g;

function textOf(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (/(?<!\\)(?:\\\\)*\$\{/.test(inner)) throw new Error(`no data: ${quoted}`);
  const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return inner.replace(/\\([\s\S])/g, (_, letter: string) => letters[letter] ?? letter);
}

/** Sets that are given in several lines are one. */
function put(all: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    if (Object.hasOwn(all, first)) throw new Error(`${first} is given twice`);
    all[first] = value;
    return;
  }
  all[first] ??= {};
  put(all[first] as Record<string, unknown>, rest, value);
}
