import { z } from 'zod';
import type { Change } from '../core/change.ts';
import type { Commit } from '../core/commit.ts';
import type { Goal } from '../core/goal.ts';
import type { DesiredGuest, Image } from '../core/guest.ts';
import type { KeptDisk } from '../core/kept.ts';
import type { KnownGuest, LiveGuest } from '../core/live.ts';
import type { Plan } from '../core/plan.ts';
import type { Step } from '../core/steps.ts';
import { acted, amount, list, name, optional, reads, table, text, time, told, vmid } from './shape.ts';

export const StoredCommit = reads<Commit>()(told({ sha: name, subject: text, author: text, at: time }));

export const StoredKept = reads<KeptDisk>()(
  acted({
    vmid,
    uuid: name,
    volid: name,
    since: time,
    imageHash: optional(name),
    commit: optional(name),
    sizeMb: optional(amount),
  }),
);

const guestKind = z.enum(['vm', 'container']);

const StoredImage = reads<Image>()(
  acted({ kind: guestKind, type: name, attr: name, drvPath: name, storePath: name, file: optional(name) }),
);

const desired = {
  key: name,
  name,
  vmid,
  imageType: name,
  cores: amount,
  memoryMb: amount,
  diskGb: amount,
  storage: name,
  protected: z.boolean(),
  bridge: name,
  node: optional(name),
  onboot: z.boolean(),
  order: amount,
  description: text,
  health: optional(
    acted({
      agent: z.boolean(),
      tcp: list(z.int().min(1).max(65_535)),
      http: optional(z.url({ protocol: /^https?$/ }).max(8192)),
      timeoutS: amount,
    }),
  ),
  image: StoredImage,
};

const StoredGuest = reads<DesiredGuest>()(
  z.discriminatedUnion('kind', [
    acted({
      ...desired,
      kind: z.literal('vm'),
      sockets: amount,
      cloudInit: optional(acted({ storage: name })),
      scsiHw: name,
      diskSlot: name,
    }),
    acted({
      ...desired,
      kind: z.literal('container'),
      diskSlot: z.literal('rootfs'),
      swapMb: amount,
      ip: name,
      gateway: optional(name),
      unprivileged: z.boolean(),
      features: list(name),
    }),
  ]),
);

const liveConfig = {
  digest: name,
  uuid: optional(name),
  cores: amount,
  memoryMb: amount,
  onboot: z.boolean(),
  protected: z.boolean(),
  description: text,
  bridge: optional(name),
  disks: table(acted({ volid: name, storage: name, sizeMb: optional(amount) })),
  unused: table(name),
  pending: list(name),
};
const vmConfig = acted({
  ...liveConfig,
  sockets: amount,
  scsiHw: name,
  cloudInit: optional(acted({ slot: name, storage: name })),
  boot: list(name),
});
const containerConfig = acted({
  ...liveConfig,
  swapMb: amount,
  ip: name,
  gateway: optional(name),
  unprivileged: z.boolean(),
  features: list(name),
});
const live = {
  vmid,
  node: name,
  name,
  status: z.enum(['running', 'stopped', 'unknown']),
  tags: list(name),
  lock: optional(name),
  template: z.boolean(),
};

const StoredLive = reads<LiveGuest>()(
  z.discriminatedUnion('kind', [
    acted({ ...live, kind: z.literal('vm'), config: optional(vmConfig) }),
    acted({ ...live, kind: z.literal('container'), config: optional(containerConfig) }),
  ]),
);

const StoredKnown = reads<KnownGuest>()(
  z.discriminatedUnion('kind', [
    acted({ ...live, kind: z.literal('vm'), config: vmConfig }),
    acted({ ...live, kind: z.literal('container'), config: containerConfig }),
  ]),
);

const blocked = acted({
  reason: z.enum([
    'not-ours',
    'protected',
    'shrink',
    'storage',
    'unreachable',
    'kind',
    'template',
    'node',
    'locked',
    'disk',
    'read-only',
    'images',
    'nothing-kept',
    'successor',
  ]),
  advice: text,
});

const fields = list(
  acted({
    field: z.enum([
      'name',
      'description',
      'onboot',
      'protected',
      'tags',
      'cores',
      'sockets',
      'memory',
      'disk',
      'storage',
      'bridge',
      'scsi-hw',
      'cloud-init',
      'swap',
      'ip',
      'gateway',
      'features',
      'unprivileged',
      'node',
    ]),
    from: text,
    to: text,
    restart: z.boolean(),
  }),
);

const change = { vmid, name, node: name, blocked: optional(blocked) };
const ofKnown = { ...change, live: StoredKnown, leftovers: optional(list(name)) };
const update = acted({ ...ofKnown, action: z.literal('update'), guest: StoredGuest, fields });
const replace = acted({
  ...ofKnown,
  action: z.literal('replace'),
  guest: StoredGuest,
  fields,
  fromImage: optional(name),
  toImage: name,
  halfMade: z.boolean(),
});

const StoredChange = reads<Change>()(
  z.discriminatedUnion('action', [
    acted({ ...change, action: z.literal('create'), guest: StoredGuest }),
    update,
    replace,
    acted({
      ...ofKnown,
      action: z.literal('roll-back'),
      guest: StoredGuest,
      fields,
      fromImage: optional(name),
      to: optional(StoredKept),
    }),
    acted({ ...change, action: z.literal('destroy'), live: StoredLive, movedTo: optional(vmid) }),
    acted({ ...ofKnown, action: z.literal('clean-up'), ownerVmid: vmid }),
    acted({ ...change, action: z.literal('conflict'), guest: StoredGuest, live: StoredLive, blocked }),
    acted({
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
  acted({
    fleet: name,
    fleetTag: optional(name),
    commit: StoredCommit,
    guests: list(StoredGuest),
    adopt: optional(vmid),
    rollBack: optional(acted({ vmid: optional(vmid), kept: list(StoredKept) })),
  }),
);

export const StoredPlan = reads<Plan>()(
  acted({ id: name, digest: name, changesDigest: name, goal: StoredGoal, changes: list(StoredChange) }),
);

const at = { guestKind, vmid, node: name };
const step = { id: name };
const guestStep = { ...step, ...at, name };

export const StoredStep = reads<Step>()(
  z.discriminatedUnion('kind', [
    acted({ ...step, kind: z.literal('build'), images: list(StoredImage) }),
    acted({ ...step, kind: z.literal('upload'), image: StoredImage, node: name }),
    acted({ ...guestStep, kind: z.literal('health'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('create'), guest: StoredGuest, tags: text }),
    acted({ ...guestStep, kind: z.literal('import'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('resize'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('start') }),
    acted({ ...guestStep, kind: z.literal('configure'), guest: StoredGuest, tags: text }),
    acted({ ...guestStep, kind: z.literal('move-disk'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('restart') }),
    acted({ ...guestStep, kind: z.literal('stage'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('hand-over'), guest: StoredGuest }),
    acted({ ...guestStep, kind: z.literal('swap'), guest: StoredGuest, tags: text, volid: optional(name) }),
    acted({ ...guestStep, kind: z.literal('swap-back'), guest: StoredGuest, volid: name }),
    acted({ ...guestStep, kind: z.literal('finish'), guest: StoredGuest, tags: text }),
    acted({ ...guestStep, kind: z.literal('adopt'), tags: text }),
    acted({ ...guestStep, kind: z.literal('stop') }),
    acted({ ...guestStep, kind: z.literal('destroy') }),
    acted({ ...guestStep, kind: z.literal('discard'), staging: z.boolean() }),
    acted({ ...guestStep, kind: z.literal('free'), volids: list(name) }),
  ]),
);
