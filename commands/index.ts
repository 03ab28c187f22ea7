import { adopt } from './adopt.ts';
import { approve } from './approve.ts';
import { cancel } from './cancel.ts';
import type { Command } from './command.ts';
import { drift } from './drift.ts';
import { helpFor } from './help.ts';
import { history } from './history.ts';
import { lock } from './lock.ts';
import { plan } from './plan.ts';
import { reject } from './reject.ts';
import { rollback } from './rollback.ts';
import { status } from './status.ts';
import { unlock } from './unlock.ts';

/** Every command, in help order. */
export const commands: readonly Command[] = [
  plan,
  approve,
  reject,
  status,
  history,
  rollback,
  drift,
  adopt,
  cancel,
  lock,
  unlock,
  helpFor(() => commands),
];
