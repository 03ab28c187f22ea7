import { readFileSync } from 'node:fs';

/** What one parameter, or one key of a property string, may be. */
export interface Rule {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** The key that may come without its name. */
  readonly isDefault: boolean;
  /** Another name of that key. */
  readonly alias: string | undefined;
  /** The key that takes the name of this one as its value: `virtio=MAC` is model=virtio,macaddr=MAC. */
  readonly keyAlias: string | undefined;
  readonly format: string | undefined;
  readonly properties: string | undefined;
  readonly values: readonly string[] | undefined;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly maxLength: number | undefined;
  readonly needs: string | undefined;
  readonly pattern: RegExp | undefined;
}

/** Rules by the name of the parameter or key. */
export type Rules = ReadonlyMap<string, Rule>;

const INDEXES: Readonly<Record<string, number>> = {
  ...{ ide: 3, sata: 5, scsi: 30, virtio: 15, unused: 255, net: 31, ipconfig: 31, serial: 3, parallel: 2, usb: 13 },
  ...{ hostpci: 15, numa: 7, virtiofs: 9, mp: 255, dev: 255 },
};
/** The table, whose head says how it is written. */
const TABLE = readFileSync(new URL('./parameters.txt', import.meta.url), 'utf8');
const cache = new Map<string, Rules>();

/** The rule of a name, where `scsi3` is one of `scsi[n]`. */
export function ruleOf(rules: Rules, name: string): Rule | undefined {
  const exact = rules.get(name);
  if (exact !== undefined) return exact;
  const [, base = '', index = ''] = /^([a-z]+)(\d+)$/.exec(name) ?? [];
  const highest = INDEXES[base];
  return highest !== undefined && Number(index) <= highest ? rules.get(`${base}[n]`) : undefined;
}

/**
 * The parameters of a call (`GET /version`), or the keys of a property string (`agent`), in one release; undefined when the
 * table does not have it.
 */
export function rulesOf(section: string, release: '8' | '9'): Rules | undefined {
  const key = `${release} ${section}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const start = TABLE.indexOf(`\n[${section}]\n`);
  if (start < 0) return undefined;
  const rest = TABLE.slice(start + section.length + 4);
  const end = rest.search(/^\[/m);
  const rules = new Map<string, Rule>();
  for (const line of (end < 0 ? rest : rest.slice(0, end)).split('\n')) {
    if (line.startsWith('@')) for (const [name, rule] of rulesOf(line, release) ?? []) rules.set(name, rule);
    const mark = /^([89]): /.exec(line)?.[1];
    if (line === '' || /^[@#]/.test(line) || (mark !== undefined && mark !== release)) continue;
    const rule = parseRule(mark === undefined ? line : line.slice(3));
    rules.set(rule.name, rule);
  }
  cache.set(key, rules);
  return rules;
}

function parseRule(line: string): Rule {
  const [plain = '', pattern] = line.split(' re:');
  const [name = '', kind = '', ...words] = plain.split(' ');
  const word = (label: string): string | undefined =>
    words.find((one) => one.startsWith(`${label}:`))?.slice(label.length + 1);
  const amount = (label: string): number | undefined => {
    const text = word(label);
    return text === undefined ? undefined : Number(text);
  };
  const [alias, keyAlias] = kind.startsWith('=') ? kind.slice(1).split('@') : [];
  return {
    name,
    type: kind.replace(/[!*]/g, ''),
    required: kind.includes('!'),
    isDefault: kind.includes('*'),
    alias,
    keyAlias,
    format: word('fmt'),
    properties: word('prop'),
    values: word('in')?.split('|').flatMap(range),
    minimum: amount('min'),
    maximum: amount('max'),
    maxLength: amount('len'),
    needs: word('needs'),
    pattern: pattern === undefined ? undefined : new RegExp(pattern),
  };
}

/** `ide0..3` stands for four values. */
function range(value: string): string[] {
  const [, base = '', from = '', to = ''] = /^([a-z]+)(\d+)\.\.(\d+)$/.exec(value) ?? [];
  if (base === '') return [value];
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => `${base}${Number(from) + index}`);
}
