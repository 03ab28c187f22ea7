import { guestLabel } from '../../../core/guest.ts';
import type { StepSpec } from '../../../core/steps.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import { validateNames } from '../settings.ts';
import { isOf, waitForActive } from '../tasks.ts';
import { adopt, configure, finish } from './configure.ts';
import { create } from './create.ts';
import { destroy, discard, free } from './destroy.ts';
import { restart, start, stop } from './power.ts';
import { importDisk, moveDisk, resize, rollback, swap } from './root-disk.ts';
import { attach, prepare } from './staging.ts';

/** Carries out one step, after the tasks that still run on its guest. */
export async function performStep(
  api: Api,
  step: StepSpec,
  precondition: Precondition | undefined,
  monitor: ClusterMonitor,
): Promise<Precondition | undefined> {
  validateNames(step.node, 'guest' in step ? step.guest : undefined);
  await waitForActive(api, step.node, isOf(step.vmid));
  if (step.kind === 'create') return create(api, step, monitor);
  if (step.kind === 'discard') return discard(api, step, precondition, monitor);
  if (precondition === undefined) throw new Error(`the step ${step.kind} of ${guestLabel(step)} needs a precondition`);
  if (guestPath(precondition) !== guestPath(step)) {
    throw new Error(`the precondition of ${guestPath(precondition)} came with a step of ${guestPath(step)}`);
  }
  switch (step.kind) {
    case 'import':
      return importDisk({ api, step, precondition, monitor });
    case 'resize':
      return resize({ api, step, precondition, monitor });
    case 'start':
      return start({ api, step, precondition, monitor });
    case 'configure':
      return configure({ api, step, precondition, monitor });
    case 'move-disk':
      return moveDisk({ api, step, precondition, monitor });
    case 'restart':
      return restart({ api, step, precondition, monitor });
    case 'prepare':
      return prepare({ api, step, precondition, monitor });
    case 'attach':
      return attach({ api, step, precondition, monitor });
    case 'swap':
      return swap({ api, step, precondition, monitor });
    case 'rollback':
      return rollback({ api, step, precondition, monitor });
    case 'finish':
      return finish({ api, step, precondition, monitor });
    case 'adopt':
      return adopt({ api, step, precondition, monitor });
    case 'stop':
      return stop({ api, step, precondition, monitor });
    case 'destroy':
      return destroy({ api, step, precondition, monitor });
    case 'free':
      return free({ api, step, precondition, monitor });
    default:
      throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
  }
}
