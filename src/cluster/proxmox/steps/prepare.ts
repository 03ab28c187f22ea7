import type { Precondition } from '../../cluster.ts';
import { checkGuest } from '../precondition.ts';
import { freeStagingVmid } from '../staging.ts';
import { checkImport } from '../storage.ts';
import { kinds } from './kinds.ts';
import type { Doing } from './step.ts';

/** The new root disk in a guest of its own: the one that runs is not touched, nor is its lock held. */
export async function stage(doing: Doing<'prepare'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  await checkGuest(api, step, precondition);
  const image = await checkImport(api, step.node, step.guest);
  const { guestKind, node } = step;
  const at = { guestKind, node, vmid: await freeStagingVmid(api, step, monitor) };
  await kinds[guestKind].stage(doing, at, image);
  return precondition;
}
