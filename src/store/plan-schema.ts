import { z } from 'zod';
import type { Change } from '../core/change.ts';
import type { Commit } from '../core/commit.ts';
import { heldOptions } from '../core/data-disks.ts';
import type { Goal } from '../core/goal.ts';
import type { DesiredGuest, Image } from '../core/guest.ts';
import { healthValue } from '../core/health.ts';
import type { KnownGuest, LiveGuest } from '../core/live.ts';
import type { Plan } from '../core/plan.ts';
import type { RetainedDisk } from '../core/retained-disks.ts';
import { fieldWords, settings, storedShape } from '../core/settings.ts';
import type { Step } from '../core/steps.ts';
import { amount, lenient, list, name, optional, reads, strict, table, text, time, vmid } from './shape.ts';

/** A commit as the store holds it. */
export const StoredCommit = reads<Commit>()(lenient({ sha: name, subject: text, author: text, at: time }));

/** A retained disk as the store holds it. */
export const StoredRetainedDisk = reads<RetainedDisk>()(
  strict({
    vmid,
    uuid: name,
    volid: name,
    since: time,
    imageHash: optional(name),
    commit: optional(name),
    sizeMb: optional(amount),
    health: optional(healthValue),
    agent: optional(z.literal(true)),
    unhealthy: optional(z.literal(true)),
  }),
);

const guestKind = z.enum(['vm', 'container']);

const StoredImage = reads<Image>()(
  strict({ kind: guestKind, type: name, attr: name, drvPath: name, storePath: name, file: optional(name) }).extend({
    firmware: optional(z.enum(['uefi', 'bios'])),
  }),
);

const wanted = { key: name, image: StoredImage };
const everyField = ['setting', 'root', 'disks', 'place'] as const;

const StoredGuest = reads<DesiredGuest>()(
  z.discriminatedUnion('kind', [
    strict({ ...wanted, ...storedShape('vm', ...everyField), kind: z.literal('vm') }),
    strict({
      ...wanted,
      ...storedShape('container', ...everyField),
      kind: z.literal('container'),
      diskSlot: z.literal('rootfs'),
    }),
  ]),
);

const disk = strict({
  ...{ volid: name, storage: name, sizeMb: optional(amount), path: optional(name) },
  ...{ options: optional(strict(heldOptions)), others: optional(text) },
});
const disks = table(disk);
const liveConfig = {
  digest: name,
  uuid: optional(name),
  disks,
  leaving: optional(disks),
  waiting: optional(table(list(name))),
  unused: table(name),
  unusedMb: optional(table(amount)),
  pending: list(name),
  inUse: optional(table(z.unknown())),
  otherPending: optional(list(strict({ key: name, to: text }))),
};
const vmConfig = strict({
  ...{ ...liveConfig, ...storedShape('vm', 'setting') },
  ...{ boot: list(name), cds: optional(list(name)) },
  firmware: optional(strict({ efi: optional(disk), tpm: optional(disk) })),
}).omit({ name: true });
const containerConfig = strict({ ...liveConfig, ...storedShape('container', 'setting') }).omit({ name: true });
const live = {
  vmid,
  node: name,
  name,
  status: z.enum(['running', 'stopped', 'unknown']),
  tags: list(name),
  lock: optional(name),
  haState: optional(name),
  pool: optional(name),
  paused: optional(name),
  uptimeS: optional(amount),
  template: z.boolean(),
};

const StoredLive = reads<LiveGuest>()(
  z.discriminatedUnion('kind', [
    strict({ ...live, kind: z.literal('vm'), config: optional(vmConfig) }),
    strict({ ...live, kind: z.literal('container'), config: optional(containerConfig) }),
  ]),
);

const StoredKnown = reads<KnownGuest>()(
  z.discriminatedUnion('kind', [
    strict({ ...live, kind: z.literal('vm'), config: vmConfig }),
    strict({ ...live, kind: z.literal('container'), config: containerConfig }),
  ]),
);

const blocked = strict({
  reason: z.enum([
    'not-ours',
    'protected',
    'shrink',
    'storage',
    'unreachable',
    'kind',
    'template',
    'ha',
    'backup',
    'paused',
    'node',
    'locked',
    'disk',
    'read-only',
    'images',
    'cpus',
    'memory',
    'nothing-retained',
    'successor',
    'firmware',
  ]),
  advice: text,
});

const fields = list(
  strict({
    field: z.enum(fieldWords),
    of: optional(text),
    from: text,
    to: text,
    restart: z.boolean(),
  }),
);

const change = { vmid, name, node: name, blocked: optional(blocked), backupTo: optional(name) };
const ofKnown = {
  ...{ ...change, live: StoredKnown },
  ...{ orphanVolumes: optional(list(name)), heldStopped: optional(z.literal(true)) },
};
const update = strict({
  ...ofKnown,
  action: z.literal('update'),
  guest: StoredGuest,
  fields,
  start: optional(z.literal(true)),
  finishes: optional(z.literal(true)),
});
const replace = strict({
  ...ofKnown,
  action: z.literal('replace'),
  guest: StoredGuest,
  fields,
  fromImage: optional(name),
  toImage: name,
  incomplete: z.boolean(),
});

const StoredChange = reads<Change>()(
  z.discriminatedUnion('action', [
    strict({ ...change, action: z.literal('create'), guest: StoredGuest }),
    update,
    replace,
    strict({
      ...ofKnown,
      action: z.literal('rollback'),
      guest: StoredGuest,
      fields,
      fromImage: optional(name),
      to: optional(StoredRetainedDisk),
    }),
    strict({ ...change, action: z.literal('destroy'), live: StoredLive, movedTo: optional(vmid) }),
    strict({ ...ofKnown, action: z.literal('clean-up'), ownerVmid: vmid }),
    strict({ ...change, action: z.literal('conflict'), guest: StoredGuest, live: StoredLive, blocked }),
    strict({
      ...change,
      action: z.literal('adopt'),
      guest: StoredGuest,
      live: StoredLive,
      tags: text,
      next: optional(z.discriminatedUnion('action', [update, replace])),
    }),
  ]),
);

const StoredGoal = reads<Goal>()(
  strict({
    fleet: name,
    fleetTag: optional(name),
    commit: StoredCommit,
    guests: list(StoredGuest),
    head: optional(list(StoredGuest)),
    rolledBack: optional(list(strict({ vmid, name: text, runId: name, by: text }))),
    adopt: optional(vmid),
    declared: optional(list(strict({ vmid, paths: list(name) }))),
    detached: optional(list(strict({ vmid, disks: table(name) }))),
    woken: optional(list(vmid)),
    unfinished: optional(
      list(
        strict({
          ...{ vmid, uuid: name, ran: optional(z.literal(true)) },
          root: optional(strict({ volid: name, imageHash: name })),
        }),
      ),
    ),
    backup: optional(settings.backup.value),
    backups: optional(list(strict({ vmid, backup: settings.backup.value }))),
    rollback: optional(strict({ vmid: optional(vmid), retained: list(StoredRetainedDisk) })),
  }),
);

/** A plan as the store holds it. */
export const StoredPlan = reads<Plan>()(
  strict({
    id: name,
    digest: name,
    changesDigest: name,
    goal: StoredGoal,
    changes: list(StoredChange),
    tight: optional(list(text)),
  }),
);

const at = { guestKind, vmid, node: name };
const step = { id: name };
const guestStep = { ...step, ...at, name };

/** A step as the store holds it. */
export const StoredStep = reads<Step>()(
  z.discriminatedUnion('kind', [
    strict({ ...step, kind: z.literal('build'), images: list(StoredImage) }),
    strict({ ...step, kind: z.literal('upload'), image: StoredImage, node: name }),
    strict({ ...guestStep, kind: z.literal('health'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('create'), guest: StoredGuest, tags: text }),
    strict({ ...guestStep, kind: z.literal('import'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('resize'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('start') }),
    strict({ ...guestStep, kind: z.literal('backup'), storage: name, notes: text }),
    strict({ ...guestStep, kind: z.literal('configure'), guest: StoredGuest, tags: text }),
    strict({ ...guestStep, kind: z.literal('move-disk'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('move-firmware'), guest: StoredGuest }),
    strict({
      ...guestStep,
      kind: z.literal('data-disks'),
      guest: StoredGuest,
      detach: list(name),
      attach: table(name),
    }),
    strict({ ...guestStep, kind: z.literal('restore-disks'), disks }),
    strict({ ...guestStep, kind: z.literal('restart') }),
    strict({ ...guestStep, kind: z.literal('prepare'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('attach'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('swap'), guest: StoredGuest, tags: text, volid: optional(name) }),
    strict({ ...guestStep, kind: z.literal('rollback'), guest: StoredGuest, volid: name }),
    strict({ ...guestStep, kind: z.literal('finish'), guest: StoredGuest, tags: text }),
    strict({ ...guestStep, kind: z.literal('adopt'), tags: text }),
    strict({ ...guestStep, kind: z.literal('stop') }),
    strict({ ...guestStep, kind: z.literal('shutdown') }),
    strict({ ...guestStep, kind: z.literal('pool'), guest: StoredGuest }),
    strict({ ...guestStep, kind: z.literal('destroy') }),
    strict({ ...guestStep, kind: z.literal('discard'), staging: z.boolean() }),
    strict({ ...guestStep, kind: z.literal('free'), volids: list(name) }),
  ]),
);
