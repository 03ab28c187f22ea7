import { UserError } from '../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../core/guest.ts';
import { unlockAdvice } from '../../core/guest-ref.ts';
import type { StepSpec } from '../../core/steps.ts';
import { readTags } from '../../core/tags.ts';
import type { ClusterMonitor, Precondition } from '../cluster.ts';
import type { Api } from './api.ts';
import { type GuestConfig, identityOf, readConfig, tagsOf } from './config.ts';

const planAgain = 'Nothing was written. Look at the fresh plan and approve it again.';

/**
 * The guest as it is now, if it is still what the precondition says: the same machine (its identity), ours (`proxnix` tag),
 * unchanged (digest). A lock of a backup changes the digest for as long as it lasts, so it is waited for.
 */
export async function checkGuest(api: Api, at: GuestRef, precondition: Precondition): Promise<GuestConfig> {
  const config = await readUnlocked(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkIdentity(at, precondition, config);
  checkUnchanged(at, precondition, config);
  return config;
}

/** The same for a guest that is not ours: the same machine, unchanged. */
export async function checkForeign(api: Api, at: GuestRef, precondition: Precondition): Promise<GuestConfig> {
  const config = await readUnlocked(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkUnchanged(at, precondition, config);
  return config;
}

/** The part of the check that holds also while the guest's own writes change its digest. */
export function checkIdentity(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  checkMachine(at, precondition, config);
  if (!readTags(tagsOf(config)).ours) {
    throw new UserError(`${guestLabel(at)} does not carry the tag "proxnix" any more: it is not touched.`, {
      next: 'If it shall be managed again, take it over with /proxnix adopt.',
    });
  }
}

/** The part that holds also for a guest that has no tags yet. */
export function checkUnchanged(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  checkMachine(at, precondition, config);
  if (config.digest === precondition.digest) return;
  throw new UserError(`${guestLabel(at)} was changed by somebody else since the plan.`, { next: planAgain });
}

function checkMachine(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  if ((identityOf(config) ?? '') === precondition.uuid) return;
  const what = at.guestKind === 'vm' ? 'SMBIOS UUID' : 'MAC address';
  throw new UserError(`${guestLabel(at)} is another machine than planned: its ${what} differs.`, { next: planAgain });
}

/** The precondition for the next step: what the guest is after this one. */
export async function preconditionOf(api: Api, at: GuestRef): Promise<Precondition> {
  const config = await readConfig(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  return { ...at, uuid: identityOf(config) ?? '', digest: config.digest };
}

/** The precondition of the same machine after a step; it fails when it became another one meanwhile. */
export async function nextPrecondition(api: Api, at: GuestRef, precondition: Precondition): Promise<Precondition> {
  const config = await readConfig(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkIdentity(at, precondition, config);
  return { ...precondition, digest: config.digest };
}

async function readUnlocked(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  const until = api.now() + api.timeouts.busyMs;
  for (;;) {
    const config = await readConfig(api, at);
    const lock = config?.values['lock'];
    if (lock === undefined) return config;
    if (api.now() >= until) {
      throw new UserError(`${guestLabel(at)} is locked (${lock}).`, {
        next: `Wait until the ${lock} is done; ${unlockAdvice(at, lock)}.`,
      });
    }
    await api.sleep(2000);
  }
}

/** A step of one kind, with the facts that come with it. */
export type StepOf<Kind extends StepSpec['kind']> = Extract<StepSpec, { readonly kind: Kind }>;

/** A step on a guest that is there: compared with its precondition before anything is written. */
export interface Doing<Kind extends StepSpec['kind']> {
  readonly api: Api;
  readonly step: StepOf<Kind>;
  readonly precondition: Precondition;
  readonly monitor: ClusterMonitor;
}
