import {
  type AdoptChange,
  type Change,
  type FieldChange,
  type ReplaceChange,
  type RollbackChange,
  requiresRestart,
  type UpdateChange,
  unbootedSlot,
} from '../core/change.ts';
import { shortSha } from '../core/commit.ts';
import { dataDisksOf, describe as describeDisk, describeLive, describeOptions } from '../core/data-disk-changes.ts';
import { othersPending } from '../core/diff.ts';
import { hasConfig } from '../core/goal.ts';
import { type DesiredGuest, type GuestKind, imageHash } from '../core/guest.ts';
import { checkOf, describeHealth } from '../core/health.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from '../core/live.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { retainsDisk } from '../core/retained-disks.ts';

import type { Review } from '../core/review.ts';
import type { Run } from '../core/run.ts';
import { isUsual, settingsOf, showValue } from '../core/settings.ts';

import { readTags } from '../core/tags.ts';
import { describeVolume, storageOf, volumesOf } from '../core/volumes.ts';
import type { Block, GuestRow, Line, Mark } from './card.ts';
import { downtimeParts } from './cost.ts';
import { guestLines } from './guest-lines.ts';

import { insideText } from './inside.ts';

import { count, guestName, planCounts, uptimeText, verbs } from './parts.ts';
import { whyText } from './why.ts';
import { writtenValues } from './written-values.ts';

const marks: Readonly<Record<Change['action'], Mark>> = {
  destroy: '-',
  'clean-up': '-',
  replace: '-/+',
  rollback: '-/+',
  update: '~',
  create: '+',
  adopt: '~',
  conflict: '!',
};

/** A plan as a table: a row for each change. Destroys and what is blocked are never cut. */
export function planTable(plan: Plan, review: Review = {}): Extract<Block, { kind: 'guests' }> {
  return { kind: 'guests', of: 'plan', rows: plan.changes.map((change) => planRow(change, review)) };
}

/**
 * The full plan as text for a file: the same lines, why it changes, what changes inside of images, every value that the apply writes, the commit, the
 * digest, the store paths of images, and the warnings.
 */
export function planText(plan: Plan, { warnings = [], review }: Pick<Run, 'warnings' | 'review'> = {}): string {
  const { goal, changes, tight = [] } = plan;
  const head = [
    `Plan ${plan.id} of ${goal.fleet}: ${planCounts(plan)}`,
    `commit ${goal.commit.sha}`,
    `digest ${plan.digest}`,
  ];
  const body = guestLines(planTable(plan, review)).flat().map(lineText);
  const images = changes.flatMap((change) =>
    change.action === 'create' || change.action === 'replace'
      ? [
          guestName(change),
          `  ${change.guest.image.storePath}`,
          `  ${change.guest.image.drvPath}`,
          `  health: ${describeHealth(checkOf(change.guest.kind, change.guest.health))}`,
        ]
      : [],
  );
  const values = runnable(plan).flatMap((change) => {
    const lines = writtenValues(plan.goal, change);
    return lines.length === 0 ? [] : [guestName(change), ...lines.map((line) => `  ${line}`)];
  });
  const warned = [...tight, ...warnings];
  const inside = insideText(plan, review);
  return [
    ...head,
    '',
    ...body,
    ...whyText(review ?? {}),
    ...(inside.length === 0 ? [] : ['', ...inside]),
    ...(values.length === 0 ? [] : ['', 'Values', ...values]),
    ...(images.length === 0 ? [] : ['', 'Images', ...images]),
    ...(warned.length === 0 ? [] : ['', 'Warnings', ...warned.map((text) => `- ${text}`)]),
    '',
  ].join('\n');
}

/** A line with its sign in front, as a diff shows it. */
export function lineText(line: Line): string {
  return `${(line.mark ?? ' ').padEnd(3)} ${line.text}`.trimEnd();
}

/** A change in one line of text: `memory 2048 -> 4096 MiB (restart)`. */
export function changeSummary(change: Change): string {
  return detailParts(change).join(', ');
}

function planRow(change: Change, { cost, addresses = {} }: Review): GuestRow {
  const { name, vmid, blocked } = change;
  const verb = verbs[change.action].now;
  return {
    guest: { name, vmid },
    action: blocked === undefined || change.action === 'conflict' ? verb : `${verb}, blocked`,
    mark: blocked === undefined ? marks[change.action] : '!',
    ...('guest' in change ? { image: change.guest.imageType } : {}),
    parts: [...detailParts(change), ...reachParts(change, addresses), ...downtimeParts(change, cost)],
    ...(blocked === undefined ? {} : { advice: blocked.advice }),
    ...(change.action === 'destroy' || blocked !== undefined ? { keep: true } : {}),
  };
}

function detailParts(change: Change): string[] {
  const backup = change.backupTo === undefined ? [] : [`backup to ${change.backupTo} before`];
  const order = 'guest' in change && change.guest.order > 0 ? [`order ${change.guest.order}`] : [];
  return [...workParts(change), ...backup, ...order];
}

function workParts(change: Change): string[] {
  switch (change.action) {
    case 'create':
      return [
        ...kindPart(change.guest),
        `image none -> ${short(change.guest)}`,
        ...sizes(change.guest),
        ...namedParts(change.guest),
        `on ${change.node || 'no node'}`,
      ];
    case 'update':
      return [
        ...change.fields.map((field) => fieldText(field, change.live.status === 'running')),
        ...tpmParts(change),
        ...othersParts(change),
        ...(change.finishes
          ? [`image ${short(change.guest)} is on its root disk`, 'an interrupted apply is finished']
          : []),
        ...(change.start && !change.fields.some(({ field }) => field === 'power')
          ? ['is started: it ran before the interrupted apply']
          : []),
        ...heldParts(change),
        ...orphanParts(change.orphanVolumes),
      ];
    case 'replace': {
      const from = change.incomplete ? 'none (incomplete)' : (change.fromImage?.slice(0, 8) ?? 'unknown');
      return [
        `image ${from} -> ${short(change.guest)}`,
        ...(change.incomplete ? ['created again'] : []),
        ...rootParts(change),
        ...stopParts(change),
        ...change.fields.map((field) => fieldText(field, false)),
        ...tpmParts(change),
        ...othersParts(change),
        ...orphanParts(change.orphanVolumes),
      ];
    }
    case 'rollback':
      return rollbackParts(change);
    case 'destroy': {
      const image = readTags(change.live.tags).imageHash?.slice(0, 8) ?? 'unknown';
      if (change.blocked !== undefined) return [...kindPart(change.live), `image ${image}`];
      const moved = change.movedTo === undefined ? [] : [`its name moves to VMID ${change.movedTo}`];
      const managed = change.live.haState === undefined ? [] : ['HA stops it and forgets it'];
      return [
        ...kindPart(change.live),
        `image ${image} -> none`,
        'its disks are deleted',
        ...volumeParts(change.live),
        ...uptimeParts(change.live),
        ...managed,
        ...moved,
      ];
    }
    case 'clean-up':
      return change.orphanVolumes === undefined
        ? [`left by an interrupted replace of guest ${change.ownerVmid}`, 'its disk is deleted']
        : orphanParts(change.orphanVolumes);
    case 'adopt':
      return adoptParts(change);
    case 'conflict':
      return [];
  }
}

/** Where a guest that is destroyed can be reached now: somebody may use it. */
function reachParts({ action, vmid }: Change, addresses: Readonly<Record<string, string>>): string[] {
  const address = addresses[String(vmid)];
  return action === 'destroy' && address !== undefined ? [`address ${address}`] : [];
}

/** Each disk that goes with its guest. */
function volumeParts(live: LiveGuest): string[] {
  return hasConfig(live) ? volumesOf(live).map(describeVolume) : [];
}

function uptimeParts({ status, uptimeS }: LiveGuest): string[] {
  if (status === 'stopped') return ['it does not run'];
  return uptimeS === undefined ? [] : [`runs for ${uptimeText(uptimeS)}`];
}

/** Names the kind of a created or destroyed guest that is no VM. */
function kindPart({ kind }: { readonly kind: GuestKind }): string[] {
  return kind === 'container' ? ['container'] : [];
}

function orphanParts(orphanVolumes: readonly string[] = []): string[] {
  if (orphanVolumes.length === 0) return [];
  return [
    `${count(orphanVolumes.length, 'disk')} that an interrupted replace left ${orphanVolumes.length === 1 ? 'is' : 'are'} deleted`,
  ];
}

/** The disk whose place another one takes. */
function rootParts(change: ReplaceChange | RollbackChange): string[] {
  const disk = change.live.config.disks[change.guest.diskSlot];
  if (disk === undefined) return [];
  const which = change.action === 'replace' ? 'old' : 'current';
  return [`${which} root disk (${describeLive(disk)}) ${retainsDisk(change) ? 'is kept' : 'goes'}`];
}

/** Says that a VM is stopped for the swap, which takes longer than a restart. */
function stopParts(change: ReplaceChange | RollbackChange): string[] {
  const slot = unbootedSlot(change);
  return [
    ...(slot === undefined ? [] : [`${slot} is not in its boot order`, 'it is stopped for the swap']),
    ...heldParts(change),
  ];
}

function rollbackParts(change: RollbackChange): string[] {
  const { fromImage, to, live, fields, orphanVolumes } = change;
  const now = `image ${fromImage?.slice(0, 8) ?? 'unknown'}`;
  const images = to === undefined ? now : `${now} -> ${to.imageHash?.slice(0, 8) ?? 'unknown'}`;
  return [
    images,
    ...(to?.commit === undefined ? [] : [`as of commit ${shortSha(to.commit)}`]),
    ...(to === undefined
      ? []
      : [
          ...rootParts(change),
          `earlier root disk (${describeRetained(to, live)}) comes back`,
          'nothing is built',
          ...stopParts(change),
        ]),
    ...fields.map((field) => fieldText(field, live.status === 'running')),
    ...tpmParts(change),
    ...othersParts(change),
    ...orphanParts(orphanVolumes),
  ];
}

/** Its storage is not always that of the root disk of now: the guest moves back to it. */
function describeRetained({ volid, sizeMb }: RetainedDisk, { config }: KnownGuest): string {
  const size = sizeMb ?? config.unusedMb?.[volid];
  return describeLive({ volid, storage: storageOf(volid), ...(size === undefined ? {} : { sizeMb: size }) });
}

function heldParts({ heldStopped }: Pick<ReplaceChange, 'heldStopped'>): string[] {
  return heldStopped ? ['it stays stopped, as HA holds it'] : [];
}

/** Says what becomes of the keys of a guest whose TPM is switched: one that comes back gets a new state. */
function tpmParts({ fields, guest }: UpdateChange | ReplaceChange | RollbackChange): string[] {
  const switched = fields.find(({ field, of }) => field === 'tpm' && of === undefined);
  if (switched === undefined) return [];
  return switched.to === 'yes'
    ? ['the TPM is new and has no keys', `TPM state on ${guest.storage}`]
    : ['the TPM with its keys is kept as an unused disk'];
}

/** Says what else becomes real with the restart: a person may have stored it long ago. */
function othersParts(change: UpdateChange | ReplaceChange | RollbackChange): string[] {
  if (!requiresRestart(change)) return [];
  const others = othersPending(change.guest, change.live);
  return others.length === 0 ? [] : [`its restart also makes real what waits in Proxmox: ${others.join('; ')}`];
}

/** The guest as far as the token may read it, and what the next plan does to it. */
function adoptParts({ name, node, live, next }: AdoptChange): string[] {
  const { memoryMb } = live.config ?? {};
  return [
    ...(live.name === name ? [] : [`current name ${live.name}`]),
    `on ${node}`,
    ...(memoryMb === undefined ? [] : [liveCores(live), `${memoryMb} MiB`]),
    'from now on managed by proxnix',
    ...nextParts(next),
  ];
}

function nextParts(next: AdoptChange['next']): string[] {
  if (next === undefined) return [];
  const [first, ...others] = detailParts(next);
  const verb = `next plan: ${verbs[next.action].now}${next.blocked === undefined ? '' : ' (blocked)'}`;
  return [first === undefined ? verb : `${verb}, ${first}`, ...others];
}

function fieldText(field: FieldChange, running: boolean): string {
  const restart = field.restart && running ? ' (restart)' : '';
  const what = field.of === undefined ? field.field : `${field.field} ${field.of}`;
  return `${what} ${field.from} -> ${field.to}${restart}`;
}

function liveCores({ kind, config }: LiveGuest): string {
  if (config === undefined) return 'unknown cores';
  if (config.cores === 0) return 'all cores';
  return count(kind === 'vm' ? config.cores * config.sockets : config.cores, 'core');
}

function sizes(guest: DesiredGuest): string[] {
  return [
    coresOf(guest),
    `${guest.memoryMb} MiB`,
    [`${guest.diskGb} GiB on ${guest.storage}`, ...rootOptionsOf(guest)].join(' '),
    ...dataDisksOf(guest).map((disk) => `${disk.name} (${disk.at}) ${describeDisk(disk)}`),
    ...(guest.kind === 'vm' && guest.bios === 'ovmf' ? [`EFI disk on ${guest.storage}`] : []),
    ...(guest.kind === 'vm' && guest.tpm === true ? [`TPM state on ${guest.storage}`] : []),
  ];
}

function coresOf(guest: DesiredGuest): string {
  if (guest.kind === 'container') return count(guest.cores, 'core');
  const all = count(guest.cores * guest.sockets, 'core');
  return guest.sockets === 1 ? all : `${all} in ${guest.sockets} sockets`;
}

/** What a new guest has that the flake names and a guest without it would not have. */
function namedParts(guest: DesiredGuest): string[] {
  const values: Readonly<Record<string, unknown>> = guest;
  const settings = settingsOf(guest.kind).flatMap((row) => {
    const value = values[row.key];
    if (value === undefined || isUsual(row, guest.kind, value) || shownElsewhere.has(row.key)) return [];
    return `${row.word} ${showValue(row, value)}${row.unit ?? ''}`;
  });
  const tags = guest.tags ?? [];
  return [
    ...settings,
    ...(tags.length === 0 ? [] : [`tags ${tags.join(' ')}`]),
    ...(guest.pool === undefined ? [] : [`pool ${guest.pool}`]),
    ...(guest.power === 'running' ? [] : [`power ${guest.power}`]),
  ];
}

/** Settings that a line of a new guest has in other words. */
const shownElsewhere = new Set(['name', 'cores', 'sockets', 'memoryMb', 'tpm']);

function rootOptionsOf(guest: DesiredGuest): readonly string[] {
  return guest.kind === 'vm' && guest.rootOptions !== undefined ? describeOptions(guest.rootOptions) : [];
}

function short(guest: DesiredGuest): string {
  return imageHash(guest.image).slice(0, 8);
}
