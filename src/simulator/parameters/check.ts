import { isIPv4, isIPv6 } from 'node:net';
import { parameterError } from '../errors.ts';
import type { Version } from '../version.ts';
import { type Rule, type Rules, ruleOf, rulesOf } from './table.ts';

/** Throws the 400 that names every wrong parameter at once, as PVE::JSONSchema does. */
export function checkParameters(rules: Rules, given: ReadonlyMap<string, string>, version: Version): void {
  const errors: Record<string, string> = {};
  for (const [name, value] of given) {
    const rule = ruleOf(rules, name);
    const problem = rule === undefined ? UNKNOWN : valueProblem(name, value, rule, version);
    if (problem !== undefined) errors[name] = problem;
    if (rule?.needs !== undefined && !given.has(rule.needs)) errors[rule.needs] = version.missingRequirement(name);
  }
  for (const rule of rules.values()) {
    if (rule.required && !given.has(rule.name)) errors[rule.name] = 'property is missing and it is not optional';
  }
  if (Object.keys(errors).length > 0) throw parameterError(errors);
}

function valueProblem(name: string, value: string, rule: Rule, version: Version): string | undefined {
  const properties = rulesOf(rule.properties ?? rule.format ?? '', version.table);
  if (properties === undefined) return plainProblem(value, rule);
  const { values, problems: found, broken } = parsePropertyString(value, properties);
  const needy = [...properties.values()].filter(({ name: key, needs }) => needs !== undefined && values.has(key));
  const lacking = needy.flatMap(({ name: key, needs = '' }): (readonly [string, string])[] =>
    values.has(needs) ? [] : [[needs, version.missingRequirement(`${name}.${key}`)]],
  );
  const problems = [...found, ...lacking];
  if (broken !== undefined) return `invalid format - ${broken}\n`;
  if (problems.length > 0) {
    return `invalid format - format error\n${problems.map(([key, text]) => `${name}.${key}: ${text}\n`).join('')}`;
  }
  const cpu = rule.format === 'pve-vm-cpu-conf' ? cpuProblem(value) : undefined;
  return cpu === undefined ? undefined : `invalid format - ${cpu}\n`;
}

/** The models of the emulator that guests of this field use; any other text is refused with the words of 9.2.11. */
const CPU_MODELS = /^(host|max|kvm32|kvm64|qemu32|qemu64|x86-64-v[234](-AES)?|EPYC.*|Opteron.*|[A-Z]\w*.*|486)$/;

const CPU_FLAGS = [
  ...['aes', 'amd-no-ssb', 'amd-ssbd', 'hv-evmcs', 'hv-tlbflush', 'ibpb', 'md-clear', 'nested-virt', 'pcid', 'pdpe1gb'],
  ...['spec-ctrl', 'ssbd', 'virt-ssbd'],
];

function cpuProblem(value: string): string | undefined {
  const model = value.split(',')[0]?.replace(/^cputype=/, '') ?? '';
  const custom = /^custom-(.+)$/.exec(model)?.[1];
  if (custom !== undefined) return `Custom cputype '${custom}' not found`;
  const flags = /(?:^|,)flags=([^,]*)/.exec(value)?.[1]?.split(';') ?? [];
  if (flags.some((flag) => !CPU_FLAGS.includes(flag.slice(1)))) {
    return `VM-specific CPU flags must be a subset of: ${CPU_FLAGS.join(', ')}`;
  }
  if (CPU_MODELS.test(model)) return undefined;
  return `Built-in cputype '${model}' is not defined (missing 'custom-' prefix?)`;
}

/** The text about a parameter that the table does not have (PVE::JSONSchema). */
export const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';

/** What is wrong with one value that is not a property string, or undefined. Texts of PVE::JSONSchema. */
export function plainProblem(value: string, rule: Rule): string | undefined {
  return typeProblem(value, rule) ?? formatProblemOf(value, rule) ?? limitProblem(value, rule);
}

function typeProblem(value: string, rule: Rule): string | undefined {
  const isRight =
    rule.type === 'boolean'
      ? /^[01]$/.test(value)
      : rule.type === 'integer'
        ? /^[+-]?\d+$/.test(value)
        : rule.type === 'number'
          ? /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(value)
          : true;
  return isRight ? undefined : `type check ('${rule.type}') failed - got '${value}'`;
}

function formatProblemOf(value: string, rule: Rule): string | undefined {
  const problem = rule.format === undefined ? undefined : formatProblem(rule.format, value);
  return problem === undefined ? undefined : `invalid format - ${problem}\n`;
}

function limitProblem(value: string, rule: Rule): string | undefined {
  const amount = Number(value);
  if (rule.values !== undefined && !rule.values.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${rule.values.join(', ')}'`;
  }
  if (rule.pattern !== undefined && !rule.pattern.test(value)) return 'value does not match the regex pattern';
  if (rule.maxLength !== undefined && value.length > rule.maxLength) {
    return `value may only be ${rule.maxLength} characters long`;
  }
  if (rule.type === 'string') return undefined;
  if (rule.minimum !== undefined && amount < rule.minimum) return `value must have a minimum value of ${rule.minimum}`;
  if (rule.maximum !== undefined && amount > rule.maximum) return `value must have a maximum value of ${rule.maximum}`;
  return undefined;
}

type Check = (value: string) => string | undefined;

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const STORAGE = '[a-zA-Z][a-zA-Z0-9\\-_.]*[a-zA-Z0-9]';
const DNS_NAME = new RegExp(`^(?:${LABEL}\\.)*${LABEL}$`);

/** Texts and patterns as 9.2.11 and 8.4.1 have them. A format that is not here is not checked. */
const FORMATS: Readonly<Record<string, Check>> = {
  'dns-name': matches(DNS_NAME, () => 'value does not look like a valid DNS name'),
  address: (value) =>
    isIPv4(value) || isIPv6(value) || DNS_NAME.test(value)
      ? undefined
      : `value does not look like a valid address: ${value}`,
  ipv4: (value) => (isIPv4(value) ? undefined : 'value does not look like a valid IPv4 address'),
  ipv6: (value) => (isIPv6(value) ? undefined : 'value does not look like a valid IPv6 address'),
  'pve-ipv4-config': (value) =>
    value === 'dhcp' || value === 'manual' || isNetwork(value, isIPv4, 32)
      ? undefined
      : 'value does not look like a valid ipv4 network configuration',
  'pve-ipv6-config': (value) =>
    ['auto', 'dhcp', 'manual'].includes(value) || isNetwork(value, isIPv6, 128)
      ? undefined
      : 'value does not look like a valid ipv6 network configuration',
  'disk-size': matches(/^\d+(?:\.\d+)?(?:[KMGT](?:iB)?)?$/, (v) => `value does not look like a valid disk size: ${v}`),
  'mac-addr': matches(
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i,
    () => 'value does not look like a valid unicast MAC address',
  ),
  'pve-bridge-id': matches(/^[-_.\w\d]+$/, (value) => `invalid bridge ID '${value}'`),
  'pve-configid': matches(/^[a-z][a-z0-9_-]+$/i, (value) => `invalid configuration ID '${value}'`),
  'pve-poolid': matches(
    /^[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+){0,2}$/,
    (value) => `pool name '${value}' contains invalid characters`,
  ),
  'pve-storage-id': matches(new RegExp(`^${STORAGE}$`), (value) => `storage ID '${value}' contains illegal characters`),
  'pve-storage-content': matches(
    /^(?:images|rootdir|vztmpl|iso|backup|snippets|none|import)$/,
    (value) => `invalid content type '${value}'`,
  ),
  'pve-tag': matches(/^[a-z0-9_][a-z0-9_\-+.]*$/i, () => 'invalid characters in tag'),
  'pve-vmid': matches(/^[1-9][0-9]{2,8}$/, () => 'value does not look like a valid VM ID'),
  'pve-volume-id': matches(new RegExp(`^${STORAGE}:.+$`), (value) => `unable to parse volume ID '${value}'`),
  'pve-volume-id-or-absolute-path': matches(
    new RegExp(`^(?:/.*|${STORAGE}:.+)$`),
    (value) => `unable to parse volume ID '${value}'`,
  ),
  'pve-volume-id-or-qm-path': matches(
    new RegExp(`^(?:none|cdrom|/.*|${STORAGE}:.+)$`),
    (value) => `unable to parse volume ID '${value}'`,
  ),
  'pve-qm-bootdev': matches(
    /^(?:ide[0-3]|sata[0-5]|scsi(?:[12]?[0-9]|30)|virtio(?:[0-9]|1[0-5])|net(?:[12]?[0-9]|3[01])|usb\d+|hostpci\d+)$/,
    (value) => `invalid boot device '${value}'`,
  ),
  'pve-startup-order': matches(
    /^(?:(?:order=)?\d+|(?:up|down)=\d+)(?:,(?:(?:order=)?\d+|(?:up|down)=\d+))*$/,
    () => 'unable to parse startup options',
  ),
  'pve-cpuset': matches(/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/, () => 'unable to parse cpuset option'),
  'pve-hotplug-features': (value) => {
    const wrong = value.split(',').find((one) => !/^(?:network|disk|cpu|memory|usb|cloudinit)$/.test(one));
    return wrong === undefined || /^[01]$/.test(value) ? undefined : `invalid hotplug feature '${wrong}'`;
  },
  urlencoded: matches(/^[-%a-zA-Z0-9_.!~*'()]*$/, (value) => `invalid urlencoded string: ${value}`),
};

/** The complaint about a value of that format, or undefined. `x-list` is split, `x-opt` may be empty. */
export function formatProblem(format: string, value: string): string | undefined {
  if (format.endsWith('-list')) {
    const items = value.split(/[,;\s\0]+/).filter((item) => item !== '');
    return items.map((item) => formatProblem(format.slice(0, -5), item)).find((problem) => problem !== undefined);
  }
  if (format.endsWith('-opt')) return value === '' ? undefined : formatProblem(format.slice(0, -4), value);
  return FORMATS[format]?.(value);
}

function matches(pattern: RegExp, problem: (value: string) => string): Check {
  return (value) => (pattern.test(value) ? undefined : problem(value));
}

function isNetwork(value: string, isAddress: (text: string) => boolean, longest: number): boolean {
  const [address = '', bits = ''] = value.split('/');
  return isAddress(address) && /^\d+$/.test(bits) && Number(bits) >= 8 && Number(bits) <= longest;
}

/** `fast:1,discard=on` taken apart: the values by their full key and what is wrong with them. */
export interface PropertyString {
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly (readonly [key: string, text: string])[];
  /** Why it cannot be taken apart at all. */
  readonly broken: string | undefined;
}

/** Takes a property string apart by its rules: default key, aliases, booleans in words. */
export function parsePropertyString(text: string, rules: Rules): PropertyString {
  const values = new Map<string, string>();
  const problems: [string, string][] = [];
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const cut = part.indexOf('=');
    if (cut === 0 || cut === part.length - 1) {
      return { values, problems, broken: 'missing key in comma-separated list property' };
    }
    const byName = cut < 0 ? undefined : rules.get(part.slice(0, cut));
    if (cut >= 0 && byName === undefined) {
      problems.push([part.slice(0, cut), UNKNOWN]);
      continue;
    }
    const keyed = byName ?? aliasedModel(part, rules) ?? [...rules.values()].find((rule) => rule.isDefault);
    if (keyed === undefined) {
      problems.push([part, UNKNOWN]);
      continue;
    }
    if (keyed.keyAlias !== undefined) values.set(keyed.keyAlias, keyed.name);
    if (keyed.keyAlias !== undefined && cut < 0) continue;
    values.set(keyed.alias ?? keyed.name, part.slice(cut + 1));
  }
  for (const [key, value] of values) {
    const rule = rules.get(key);
    const plain = rule?.type === 'boolean' ? booleanOf(value) : value;
    values.set(key, plain);
    const problem = rule === undefined ? UNKNOWN : plainProblem(plain, rule);
    if (problem !== undefined) problems.push([key, problem]);
  }
  for (const rule of rules.values()) {
    if (rule.required && !values.has(rule.name)) {
      problems.push([rule.name, 'property is missing and it is not optional']);
    }
  }
  return { values, problems, broken: undefined };
}

/** Writes the values back as the server stores them: default key, then mandatory keys, then the rest by name. */
export function printPropertyString(values: ReadonlyMap<string, string>, rules: Rules): string {
  const model = [...rules.values()].find((rule) => rule.keyAlias !== undefined);
  const keys = [...values.keys()].toSorted();
  const rank = (key: string): number => (rules.get(key)?.isDefault ? 0 : rules.get(key)?.required ? 1 : 2);
  const parts = keys
    .toSorted((a, b) => rank(a) - rank(b))
    .filter((key) => key !== model?.keyAlias && key !== model?.alias)
    .map((key) => (rank(key) === 0 ? (values.get(key) ?? '') : `${key}=${values.get(key)}`));
  if (model?.keyAlias === undefined) return parts.join(',');
  const name = values.get(model.keyAlias) ?? '';
  const mac = values.get(model.alias ?? '');
  return [mac === undefined ? name : `${name}=${mac}`, ...parts].join(',');
}

function aliasedModel(part: string, rules: Rules): Rule | undefined {
  const rule = rules.get(part);
  return rule?.keyAlias === undefined ? undefined : rule;
}

/** Inside property strings words are fine, unlike in parameters of their own. */
function booleanOf(value: string): string {
  if (/^(1|on|yes|true)$/i.test(value)) return '1';
  if (/^(0|off|no|false)$/i.test(value)) return '0';
  return value;
}
