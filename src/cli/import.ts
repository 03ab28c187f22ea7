import { makeCluster } from '../app.ts';
import type { ChatKind } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import type { ProxmoxCluster, ProxmoxOptions } from '../cluster/proxmox/proxmox.ts';
import { mapLimit } from '../cluster/proxmox/state.ts';
import { type Config, type FleetConfig, tokenShapesOf } from '../config/config.ts';
import { UserError } from '../core/errors.ts';
import { type FlakeEntry, flakeEntry, plainNameOf } from '../core/flake-entry.ts';
import { flakeText } from '../core/flake-text.ts';
import { belongsTo, hasConfig, isCreateInterrupted, ownerOf, stagedFor } from '../core/goal.ts';
import { guestLabel } from '../core/guest.ts';
import type { KnownGuest, LiveGuest, LiveState } from '../core/live.ts';
import { readTags } from '../core/tags.ts';
import { createGate } from '../secret.ts';
import { loadForDoctor } from './doctor/configuration.ts';

/** Options of `proxnix import`, and the parts that tests replace. */
export interface ImportOptions {
  /** VMIDs with commas or spaces between them; absent: every guest that the fleet may have. */
  readonly vmid?: string | undefined;
  /** Needed where there are several. */
  readonly fleet?: string | undefined;
  /** The file of variables; variables of the environment override it, as in `start`. */
  readonly envFile: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly chats?: readonly ChatKind[];
  readonly proxmox?: Partial<ProxmoxOptions>;
}

/** `proxnix import`: prints a `proxnix.nix` for guests that exist. Writes nothing, here or to the cluster. */
export async function importGuests(options: ImportOptions): Promise<void> {
  process.stdout.write(await importedText(options));
}

/**
 * The text of that file, without the secrets of the configuration.
 * @throws UserError for a configuration with mistakes, and for a VMID that cannot be imported
 */
export async function importedText(options: ImportOptions): Promise<string> {
  const { env = process.env, chats = everyChat } = options;
  const vmids = options.vmid === undefined ? undefined : readVmids(options.vmid);
  const config = configOf(options.envFile, env, chats);
  const fleet = fleetOf(config, options.fleet);
  const settings = config.clusters.find(({ name }) => name === fleet.cluster);
  if (settings === undefined) throw new Error(`fleet ${fleet.name} names a cluster that is not there`);
  const cluster = makeCluster(settings, options.proxmox);
  try {
    const owner = ownerOf({ name: fleet.name, tagged: config.fleets.length > 1 });
    const text = await textOf(cluster, owner, vmids);
    return createGate(config.secrets, tokenShapesOf(chats))(text);
  } finally {
    await cluster.close();
  }
}

async function textOf(
  cluster: ProxmoxCluster,
  owner: ReturnType<typeof ownerOf>,
  vmids: readonly number[] | undefined,
): Promise<string> {
  const asked = vmids ?? (await cluster.list()).map(({ vmid }) => vmid);
  const state = await cluster.readState(new Set(asked));
  const { guests, missing } = vmids === undefined ? everyGuest(state, owner) : named(state, owner, vmids);
  const details = await mapLimit(guests, 6, ({ kind, vmid, node }) => cluster.details({ guestKind: kind, vmid, node }));
  const entries: FlakeEntry[] = [];
  const left = [...missing];
  for (const [index, guest] of guests.entries()) {
    const about = details[index];
    const entry = about && flakeEntry(guest, keyFor(guest, entries), about);
    if (entry !== undefined && 'why' in entry) left.push(entry.why);
    else if (entry !== undefined) entries.push(entry);
  }
  return flakeText(entries, left);
}

function readVmids(text: string): readonly number[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = words.find((word) => !/^[1-9]\d{2,8}$/.test(word));
  if (wrong === undefined && words.length > 0) return [...new Set(words.map(Number))];
  throw new UserError(`--vmid takes VMIDs such as 100,101, not ${JSON.stringify(wrong ?? text)}.`);
}

/** The configuration as the doctor reads it. */
function configOf(
  envFile: string,
  env: Readonly<Record<string, string | undefined>>,
  chats: readonly ChatKind[],
): Config {
  const { config, findings } = loadForDoctor(envFile, env, chats);
  if (config !== undefined) return config;
  throw new UserError('The configuration is not complete.', {
    next: 'npx proxnix doctor says how to correct each line.',
    details: findings.flatMap(({ status, text }) => (status === 'fail' || status === 'warn' ? [text] : [])),
  });
}

function fleetOf({ fleets }: Config, name: string | undefined): FleetConfig {
  const [first, ...more] = name === undefined ? fleets : fleets.filter((fleet) => fleet.name === name);
  if (first !== undefined && more.length === 0) return first;
  const names = fleets.map((fleet) => fleet.name).join(', ');
  throw new UserError(
    name === undefined ? `There are several fleets: ${names}.` : `There is no fleet "${name}", only ${names}.`,
    { next: 'Name one: npx proxnix import --fleet <name>.' },
  );
}

interface Chosen {
  readonly guests: readonly KnownGuest[];
  /** Why guests are not among them. */
  readonly missing: readonly string[];
}

/** Every guest that the fleet may have. Templates, guests of our own work and those of another fleet are none of these. */
function everyGuest({ guests }: LiveState, owner: ReturnType<typeof ownerOf>): Chosen {
  const candidates = guests.filter((guest) => whyNot(guest, owner) === undefined);
  return {
    guests: candidates.filter(hasConfig),
    missing: candidates.filter((guest) => !hasConfig(guest)).map(unread),
  };
}

/** Exactly the guests that were named. */
function named(
  { guests, hidden = [] }: LiveState,
  owner: ReturnType<typeof ownerOf>,
  vmids: readonly number[],
): Chosen {
  const found = vmids.map((vmid) => guests.find((guest) => guest.vmid === vmid) ?? vmid);
  const problems = found.flatMap((guest) => {
    if (typeof guest !== 'number') return whyNot(guest, owner) ?? (hasConfig(guest) ? [] : unread(guest));
    return hidden.includes(guest) ? `The token may not see the guest ${guest}.` : `There is no guest ${guest}.`;
  });
  const [first = '', ...more] = problems;
  if (problems.length > 0) {
    throw new UserError(more.length === 0 ? first : `${problems.length} guests cannot be imported.`, {
      details: more.length === 0 ? [] : problems,
      next: 'Nothing was imported. Without --vmid every guest is that can be.',
    });
  }
  return { guests: found.filter((guest) => typeof guest !== 'number').filter(hasConfig), missing: [] };
}

/** Why a guest that exists is none to import; `undefined` where it is one. */
function whyNot(guest: LiveGuest, owner: ReturnType<typeof ownerOf>): string | undefined {
  const label = labelOf(guest);
  if (guest.template) return `${label} is a template.`;
  if (stagedFor(guest) !== undefined || isCreateInterrupted(guest)) return `${label} is unfinished work of proxnix.`;
  const { ours, fleet } = readTags(guest.tags);
  if (ours && !belongsTo(owner, guest.tags))
    return `${label} belongs to ${fleet === undefined ? 'no' : 'another'} fleet.`;
  return undefined;
}

function unread(guest: LiveGuest): string {
  return `${labelOf(guest)} cannot be read: its node ${guest.node} does not answer.`;
}

function labelOf({ kind, vmid, name }: LiveGuest): string {
  const label = guestLabel({ guestKind: kind, vmid });
  return name === label ? label : `${label} (${name})`;
}

/** Its name, with the VMID where another guest of its kind has that name. */
function keyFor(guest: KnownGuest, before: readonly FlakeEntry[]): string {
  const name = plainNameOf(guest);
  const taken = before.some(({ kind, key }) => kind === guest.kind && key === name);
  return taken ? `${name}-${guest.vmid}` : name;
}
