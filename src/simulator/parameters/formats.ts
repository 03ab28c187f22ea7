import { isIPv4, isIPv6 } from 'node:net';

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
