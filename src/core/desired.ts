import { z } from 'zod';
import { cut } from '../lib/text.ts';
import { diskAtRoot, optionNotAt, rootOptionsValue } from './data-disks.ts';
import { UserError } from './errors.ts';
import { fleetBackup } from './forms.ts';
import type { ContainerSpec, GuestKind, GuestSpec, VmSpec } from './guest.ts';
import { didYouMean } from './nearest.ts';
import type { Cards } from './networks.ts';
import { type Backup, type ContainerFields, rowsOf, type VmFields } from './settings.ts';

const entries: Readonly<Record<GuestKind, z.ZodType<Readonly<Record<string, unknown>>>>> = {
  vm: entryOf('vm')
    .refine(
      // Proxmox refuses a larger one (PVE 9.2).
      ({ balloon_mb, memory_mb }) => balloon_mb === undefined || Number(balloon_mb) <= Number(memory_mb),
      {
        path: ['balloon_mb'],
        error: 'must be at most "memory_mb"',
      },
    )
    .superRefine(({ disks, disk: options, disk_slot: root }, context) => {
      const name = diskAtRoot(disks, root);
      if (name !== undefined)
        context.addIssue({ code: 'custom', path: ['disks', name, 'slot'], message: 'is the slot of the root disk' });
      const wrong = optionNotAt(String(root), rootOptionsValue.safeParse(options).data ?? {});
      if (wrong !== undefined)
        context.addIssue({ code: 'custom', path: ['disk', wrong], message: `does not exist for a disk at ${root}` });
    }),
  // A gateway needs a fixed address: DHCP announces its own gateway.
  container: entryOf('container').refine(({ ip, gateway }) => gateway === undefined || String(ip).includes('/'), {
    path: ['gateway'],
    error: 'goes with a fixed "ip" such as "10.0.0.5/24" only',
  }),
};

/**
 * The schema of an entry: every field of a kind under its name in the flake, with its default. Other fields are
 * refused.
 */
function entryOf(kind: GuestKind) {
  const fields = rowsOf(kind).map((row) => [row.flake, row.kinds[kind]?.schema ?? z.never()] as const);
  const ignorable = rowsOf(kind).flatMap(({ role, flake }) => (role === 'setting' || role === 'disks' ? [flake] : []));
  return z.strictObject(Object.fromEntries(fields)).superRefine(({ ignore }, context) => {
    for (const name of Array.isArray(ignore) ? ignore : []) {
      if (ignorable.includes(name)) continue;
      context.addIssue({
        ...{ code: 'custom', path: ['ignore'], input: name },
        message: `has "${name}", which is no setting that can be left alone${didYouMean(String(name), ignorable)}`,
      });
    }
  });
}

/** Reads one entry of `proxnix.vms` or `proxnix.containers`, every default filled in. */
export function readEntry(
  kind: GuestKind,
  key: string,
  value: unknown,
): { readonly guest: GuestSpec } | { readonly error: z.ZodError } {
  const entry = entries[kind].safeParse(value, { reportInput: true });
  const twice = saidTwice(value);
  const issues = [...(entry.error?.issues ?? []), ...twice];
  return entry.success && twice.length === 0
    ? { guest: toSpec(kind, key, entry.data) }
    : { error: new z.ZodError(issues) };
}

/** Fields of the first network card that stand beside `networks`, which has them. */
function saidTwice(value: unknown): z.core.$ZodIssue[] {
  if (!isSet(value) || value['networks'] === undefined) return [];
  const beside = ['network_bridge', 'ip', 'gateway'].filter((field) => value[field] !== undefined);
  return beside.map((field) => {
    const inCard = field === 'network_bridge' ? 'bridge' : field;
    return {
      code: 'custom',
      path: [field],
      message: `is said by the first of "networks": write it there as "${inCard}"`,
      input: value[field],
    };
  });
}

/** The field names allowed at a path of an entry; empty where any name is allowed. */
export function knownFields(kind: GuestKind, path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return rowsOf(kind).map((row) => row.flake);
  const row = rowsOf(kind).find(({ flake }) => flake === path[0]);
  return Object.keys(row?.parts?.[kind]?.shape ?? {});
}

function toSpec(kind: GuestKind, key: string, entry: Readonly<Record<string, unknown>>): GuestSpec {
  const fields = rowsOf(kind).flatMap((row) => (entry[row.flake] === undefined ? [] : [[row.key, entry[row.flake]]]));
  // The types of the fields are inferred from the rows that this object was read by.
  const read: unknown = withFirstCard(Object.fromEntries(fields));
  if (kind === 'vm') return { kind, key, ...(read as VmFields) } satisfies VmSpec;
  return { kind, key, diskSlot: 'rootfs', ...(read as ContainerFields) } satisfies ContainerSpec;
}

/** The first card's bridge, and a container's address there, are settings of their own: a plan shows them once. */
function withFirstCard(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { networks, gateway: _, ...others } = fields as { readonly networks?: Cards; readonly gateway?: unknown };
  const [first, ...more] = networks ?? [];
  if (first === undefined || first === null) return fields;
  const { bridge, ip, gateway, ...card } = first;
  return {
    ...others,
    bridge,
    ...('ip' in fields ? { ip: ip ?? 'dhcp', ...(gateway === undefined ? {} : { gateway }) } : {}),
    networks: [card, ...more],
  };
}

const Entries = z.record(z.string(), z.unknown());
/** How many mistakes are reported at once. Each unknown field costs a search for a similar name. */
const mostProblems = 50;
const mostUnknownFields = 10;

/**
 * Reads the flake's output `proxnix`. One error reports the mistakes of all guests, the first 50 of them; each names
 * the guest and the field. An empty `vms` is valid: it declares no guest.
 */
export function parseDesired(output: unknown): readonly GuestSpec[] {
  const misshapen = shapeProblems(output);
  if (misshapen.length > 0) throw invalid(misshapen);
  const top = z.looseObject({ vms: Entries.optional(), containers: Entries.optional() }).safeParse(output);
  const { vms, containers } = top.data ?? {};
  if (vms === undefined && containers === undefined) {
    throw new UserError('The flake output "proxnix" has no attribute set "vms".', {
      next: 'Declare the guests as proxnix.vms.<name> = { … }; or proxnix.containers.<name> = { … }; in the flake.',
    });
  }
  const guests: GuestSpec[] = [];
  const problems = fleetProblems(output);
  const common = problems.length > 0 || !isSet(output) ? undefined : output['backup'];
  const parse = (kind: GuestKind, entries: Readonly<Record<string, unknown>> = {}) => {
    for (const [key, value] of Object.entries(entries)) {
      if (problems.length > mostProblems) return;
      const read = readEntry(kind, key, withBackup(value, common));
      if ('guest' in read) guests.push(read.guest);
      else problems.push(...mistakesIn(kind, key, read.error));
    }
  };
  parse('vm', vms);
  parse('container', containers);
  problems.push(...duplicates(guests));
  if (problems.length > 0) throw invalid(problems);
  return guests.sort((a, b) => a.vmid - b.vmid);
}

/** When guests are backed up that say nothing of it: those that the flake does not declare any more as well. */
export function fleetBackupOf(output: unknown): Backup | undefined {
  return isSet(output) && output['backup'] !== undefined ? fleetBackup.parse(output['backup']) : undefined;
}

function fleetProblems(output: unknown): string[] {
  if (!isSet(output) || output['backup'] === undefined) return [];
  const { error } = z.object({ backup: fleetBackup }).safeParse({ backup: output['backup'] }, { reportInput: true });
  return error === undefined ? [] : mistakesIn('vm', 'proxnix', error);
}

/** An entry with the default of the fleet in it; a part that the entry names is its own. */
function withBackup(value: unknown, common: unknown): unknown {
  if (!isSet(value) || !isSet(common)) return value;
  const own = value['backup'];
  if (own !== undefined && !isSet(own)) return value;
  return { ...value, backup: { ...common, ...own } };
}

/** What is wrong with an entry, one sentence without its full stop each: `web: "cores" must be at least 1`. */
export function mistakesIn(kind: GuestKind, key: string, error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => describe(kind, key, issue));
}

function invalid(problems: readonly string[]): UserError {
  const [first = ''] = problems;
  const many = problems.length > mostProblems ? `more than ${mostProblems}` : String(problems.length);
  return new UserError(
    problems.length === 1 ? `The flake is not valid: ${sentence(first)}` : `The flake has ${many} mistakes.`,
    {
      next: 'Nothing was touched. Correct the flake and push again.',
      details: problems.length === 1 ? [] : problems.slice(0, mostProblems),
    },
  );
}

function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}

function describe(kind: GuestKind, key: string, issue: z.core.$ZodIssue): string[] {
  const field = issue.path.map((part) => cut(String(part), 100)).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(kind, issue.path);
    return issue.keys.slice(0, mostUnknownFields).map((name) => {
      const short = cut(name, 100);
      const where = field === '' ? short : `${field}.${short}`;
      return `${key}: unknown field "${where}"${didYouMean(name, known)}`;
    });
  }
  if (field === '') return [`${key}: must be an attribute set`];
  if (issue.input === undefined && issue.code === 'invalid_type') return [`${key}: "${field}" is missing`];
  return [`${key}: "${field}" ${expected(issue)}`];
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${shown(issue.input)}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
  return issue.message;
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? typeof input;
  return cut(text, 60);
}

function duplicates(guests: readonly GuestSpec[]): string[] {
  const problems: string[] = [];
  const seen = (value: (guest: GuestSpec) => string, say: (guest: GuestSpec, first: GuestSpec) => string) => {
    const first = new Map<string, GuestSpec>();
    for (const guest of guests) {
      const other = first.get(value(guest));
      if (other) problems.push(say(guest, other));
      else first.set(value(guest), guest);
    }
  };
  seen(
    (guest) => String(guest.vmid),
    (guest, first) => `${guest.key}: "vm_id" ${guest.vmid} is also the vm_id of ${first.key}`,
  );
  seen(
    (guest) => guest.name.toLowerCase(),
    (guest, first) => `${guest.key}: "name" ${guest.name} is also the name of ${first.key}`,
  );
  return [...problems, ...addressTwice(guests)];
}

/** Addresses and MAC addresses that two guests of the fleet would have. */
function addressTwice(guests: readonly GuestSpec[]): string[] {
  const first = new Map<string, string>();
  return guests.flatMap((guest) =>
    addressesOf(guest).flatMap(({ field, address }) => {
      const other = first.get(address);
      if (other === undefined) first.set(address, guest.key);
      return other === undefined ? [] : [`${guest.key}: "${field}" ${address} is also that of ${other}`];
    }),
  );
}

function addressesOf(guest: GuestSpec): { readonly field: string; readonly address: string }[] {
  const fixed = (field: string, ip: string | undefined) =>
    ip?.includes('/') === true ? [{ field, address: ip.split('/', 1)[0] ?? ip }] : [];
  const cards = (guest.networks ?? []).flatMap((card, number) => [
    ...fixed(`networks.${number}.ip`, card?.ip),
    ...(card?.mac === undefined ? [] : [{ field: `networks.${number}.mac`, address: card.mac }]),
  ]);
  return guest.kind === 'vm'
    ? [...fixed('cloud_init.ip', guest.cloudInit?.ip), ...cards]
    : [...fixed('ip', guest.ip), ...cards];
}

/** Limits above every real cluster and guest; larger input only costs time. */
const most = { guests: 10_000, values: 500, depth: 8 } as const;
/** Characters of a guest's key. */
const longestKey = 255;

/**
 * Problems with the form of the flake's output, before its fields are read: sizes, and names that have a meaning in
 * JavaScript. `JSON.parse` keeps `__proto__` as an own property, but most code that copies an object loses it.
 */
export function shapeProblems(output: unknown): readonly string[] {
  if (!isSet(output)) return [];
  const own = Object.keys(output).includes('__proto__') ? [reserved('__proto__')] : [];
  return [...own, ...guestsProblems('vms', output['vms']), ...guestsProblems('containers', output['containers'])];
}

function guestsProblems(name: string, entries: unknown): readonly string[] {
  if (!isSet(entries)) return [];
  const keys = Object.keys(entries);
  if (keys.length > most.guests) return [`"${name}" has ${keys.length} guests, at most ${most.guests} are possible`];
  return keys.flatMap((key) => {
    const path = `${name}.${cut(key, 100)}`;
    if (key === '__proto__') return [reserved(path)];
    if (key.length > longestKey) return [`"${path}" is a name of more than ${longestKey} characters`];
    return guestProblem(path, entries[key]);
  });
}

/** The first problem with the form of one guest. It does not recurse, because the flake decides the depth. */
function guestProblem(top: string, guest: unknown): readonly string[] {
  const open = [{ path: top, value: guest, depth: 0 }];
  let values = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth === most.depth) return [`"${top}" is nested deeper than ${most.depth}`];
    const entries = Object.entries(value);
    values += entries.length;
    if (values > most.values) return [`"${top}" has more than ${most.values} values`];
    for (const [key, inner] of entries) {
      const at = `${path}.${cut(key, 100)}`;
      if (key === '__proto__') return [reserved(at)];
      open.push({ path: at, value: inner, depth: depth + 1 });
    }
  }
  return [];
}

function reserved(path: string): string {
  return `"${path}" is a name that proxnix cannot take`;
}

function isSet(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
