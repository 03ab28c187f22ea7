import { guestLabel } from '../../../core/guest.ts';
import type { GuestStep } from '../../../core/steps.ts';
import type { ClusterMonitor, Guard } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import { isOf, waitForActive } from '../tasks.ts';
import { checkWords } from '../words.ts';
import { adopt } from './adopt.ts';
import { configure } from './configure.ts';
import { create } from './create.ts';
import { destroy, discard } from './destroy.ts';
import { finish } from './finish.ts';
import { free } from './free.ts';
import { handOver } from './hand-over.ts';
import { moveDisk } from './move-disk.ts';
import { start, stop } from './power.ts';
import { resize } from './resize.ts';
import { restart } from './restart.ts';
import { stage } from './stage.ts';
import { swap } from './swap.ts';
import { swapBack } from './swap-back.ts';
import { importDisk } from './vm/import.ts';

/** Carries out one step, after the tasks that still run on its guest. */
export async function performStep(
  api: Api,
  step: GuestStep,
  guard: Guard | undefined,
  monitor: ClusterMonitor,
): Promise<Guard | undefined> {
  checkWords(step.node, 'guest' in step ? step.guest : undefined);
  await waitForActive(api, step.node, isOf(step.vmid));
  if (step.kind === 'create') return create(api, step, monitor);
  if (step.kind === 'discard') return discard(api, step, guard, monitor);
  if (guard === undefined) throw new Error(`the step ${step.kind} of ${guestLabel(step)} needs a guard`);
  if (guestPath(guard) !== guestPath(step)) {
    throw new Error(`the guard of ${guestPath(guard)} came with a step of ${guestPath(step)}`);
  }
  switch (step.kind) {
    case 'import':
      return importDisk({ api, step, guard, monitor });
    case 'resize':
      return resize({ api, step, guard, monitor });
    case 'start':
      return start({ api, step, guard, monitor });
    case 'configure':
      return configure({ api, step, guard, monitor });
    case 'move-disk':
      return moveDisk({ api, step, guard, monitor });
    case 'restart':
      return restart({ api, step, guard, monitor });
    case 'stage':
      return stage({ api, step, guard, monitor });
    case 'hand-over':
      return handOver({ api, step, guard, monitor });
    case 'swap':
      return swap({ api, step, guard, monitor });
    case 'swap-back':
      return swapBack({ api, step, guard, monitor });
    case 'finish':
      return finish({ api, step, guard, monitor });
    case 'adopt':
      return adopt({ api, step, guard, monitor });
    case 'stop':
      return stop({ api, step, guard, monitor });
    case 'destroy':
      return destroy({ api, step, guard, monitor });
    case 'free':
      return free({ api, step, guard, monitor });
    default:
      throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
  }
}
