import { createHash } from 'node:crypto';
import type { DesiredGuest } from '../../src/core/guest.ts';
import type { LiveState, LiveVm, LiveVmConfig } from '../../src/core/live.ts';
import type { Plan } from '../../src/core/plan.ts';
import { planSteps, type Step } from '../../src/core/steps.ts';
import { splitTags, stagingMarker, stagingOwner } from '../../src/core/tags.ts';
import { heldSettings, waitingSettings, writtenSettings } from './settings.ts';

/** A cluster on paper: what every step of a plan does to its VMs, and nothing that a step does not say. */
export function applyPlan(state: LiveState, plan: Plan): LiveState {
  const vms = state.guests.filter((guest) => guest.kind === 'vm');
  const others = state.guests.filter((guest) => guest.kind !== 'vm');
  const guests = planSteps(plan).reduce(applyStep, vms);
  return { ...state, guests: [...guests.map(withDigest), ...others] };
}

type Guests = readonly LiveVm[];

function applyStep(guests: Guests, step: Step): Guests {
  const change = (next: (guest: LiveVm, config: LiveVmConfig) => LiveVm): Guests =>
    guests.map((guest) => (guest.vmid === stepVmid(step) && guest.config ? next(guest, guest.config) : guest));
  switch (step.kind) {
    case 'build':
    case 'upload':
    case 'health':
    case 'rollback':
      return guests;
    case 'create':
      if (guests.some((guest) => guest.vmid === step.vmid)) throw new Error(`VMID ${step.vmid} is taken`);
      return [...guests, configured(empty(step.guest, step.node), step.guest, step.tags)];
    case 'configure':
      return change((guest) => configured(guest, step.guest, step.tags));
    case 'import':
      return change((guest, config) => ({ ...guest, config: withRoot(config, step.guest, 1024) }));
    case 'resize':
      return change((guest, config) => ({ ...guest, config: grown(config, step.guest) }));
    case 'move-disk':
      return change((guest, config) => ({
        ...guest,
        config: withRoot(config, step.guest, rootSize(config, step.guest)),
      }));
    case 'start':
      return change((guest, config) => ({ ...guest, status: 'running', config: { ...config, pending: [] } }));
    case 'restart':
      return change((guest, config) => ({ ...guest, config: { ...config, pending: [] } }));
    case 'prepare': {
      const owner = guests.find((guest) => guest.vmid === step.vmid);
      if (owner === undefined) throw new Error(`VM ${step.vmid} is gone`);
      const staging = configured(
        empty({ ...step.guest, vmid: stagingVmid(step.vmid) }, step.node),
        step.guest,
        'proxnix;proxnix-pending',
      );
      const description = stagingMarker(step.vmid);
      return [...withoutStaging(guests, step.vmid), { ...staging, config: { ...known(staging), description } }];
    }
    case 'attach':
      return withoutStaging(
        change((guest, config) => ({ ...guest, config: { ...config, unused: { unused200: 'new' } } })),
        step.vmid,
      );
    case 'swap':
      return change((guest, config) => {
        if (config.unused['unused200'] === undefined) throw new Error('no disk was handed over');
        const next = { ...withRoot(config, step.guest, step.guest.diskGb * 1024), unused: { unused0: 'old' } };
        return { ...guest, tags: splitTags(step.tags), config: next };
      });
    case 'free':
      return change((guest, config) => {
        const left = Object.entries(config.unused).filter(([, volid]) => !step.volids.includes(volid));
        return { ...guest, config: { ...config, unused: Object.fromEntries(left) } };
      });
    case 'finish':
      return change((guest, config) => ({
        ...guest,
        tags: splitTags(step.tags),
        config: { ...config, protected: config.protected || step.guest.protected },
      }));
    case 'adopt':
      return change((guest) => ({ ...guest, tags: splitTags(step.tags) }));
    case 'stop':
      return change((guest) => ({ ...guest, status: 'stopped' }));
    case 'destroy':
      return guests.filter((guest) => guest.vmid !== step.vmid);
    case 'discard':
      return step.staging ? withoutStaging(guests, step.vmid) : guests.filter((guest) => guest.vmid !== step.vmid);
  }
}

function stepVmid(step: Step): number | undefined {
  return 'vmid' in step ? step.vmid : undefined;
}

/** The range of its own that staging guests live in. */
export function stagingVmid(owner: number): number {
  return 900_000_000 + (owner % 90_000_000);
}

function withoutStaging(guests: Guests, owner: number): Guests {
  return guests.filter(
    (guest) => !(guest.vmid === stagingVmid(owner) && stagingOwner(guest.config?.description ?? '') === owner),
  );
}

function empty(wanted: DesiredGuest, node: string): LiveVm {
  const { vmid } = wanted;
  const facts = { digest: '', uuid: `uuid of ${vmid}`, protected: false, disks: {}, unused: {}, boot: [], pending: [] };
  const config: LiveVmConfig = { ...heldSettings('vm', wanted), ...facts };
  return { kind: 'vm', vmid, node, name: '', status: 'stopped', tags: [], template: false, config };
}

function configured(guest: LiveVm, wanted: DesiredGuest, tags: string): LiveVm {
  if (wanted.kind !== 'vm') throw new Error('this model knows VMs only');
  const old = known(guest);
  const config = { ...writtenSettings('vm', old, wanted), protected: old.protected };
  const pending = guest.status === 'running' ? [...old.pending, ...waitingSettings('vm', old, config)] : [];
  return { ...guest, name: wanted.name, tags: splitTags(tags), config: { ...config, pending } };
}

function withRoot(config: LiveVmConfig, { diskSlot, storage }: DesiredGuest, sizeMb: number): LiveVmConfig {
  return { ...config, disks: { ...config.disks, [diskSlot]: { volid: `${storage}:disk`, storage, sizeMb } } };
}

function grown(config: LiveVmConfig, wanted: DesiredGuest): LiveVmConfig {
  const disk = config.disks[wanted.diskSlot];
  if (disk === undefined) throw new Error('there is no root disk to resize');
  const sizeMb = Math.max(disk.sizeMb ?? 0, wanted.diskGb * 1024);
  return { ...config, disks: { ...config.disks, [wanted.diskSlot]: { ...disk, sizeMb } } };
}

function rootSize(config: LiveVmConfig, wanted: DesiredGuest): number {
  return config.disks[wanted.diskSlot]?.sizeMb ?? wanted.diskGb * 1024;
}

function known(guest: LiveVm): LiveVmConfig {
  if (guest.config === undefined) throw new Error(`VM ${guest.vmid} was not read`);
  return guest.config;
}

/** Every write changes the digest. */
function withDigest(guest: LiveVm): LiveVm {
  if (guest.config === undefined) return guest;
  const { digest: _, ...rest } = guest.config;
  const digest = createHash('sha1')
    .update(JSON.stringify([rest, guest.name, guest.tags]))
    .digest('hex');
  return { ...guest, config: { ...guest.config, digest } };
}
