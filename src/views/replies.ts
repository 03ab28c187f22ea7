import { applyGroups } from '../core/apply-groups.ts';
import type { PlannedRun, Run } from '../core/run.ts';
import type { Card } from './card.ts';
import { endTitle, logFile } from './ended-card.ts';

/** What is said in the thread when an apply has ended: edits do not notify, a reply does. */
export function endReply(run: Run): Card | undefined {
  if (run.phase === 'failed') {
    if (run.applying === undefined) return undefined;
    return reply(endTitle({ ...run, ...run.applying }, applyGroups(run.applying.plan, run.steps)), 'bad', run);
  }
  if (run.phase !== 'applied' && run.phase !== 'cancelled' && run.phase !== 'interrupted') return undefined;
  return reply(endTitle(run, applyGroups(run.plan, run.steps)), run.phase === 'applied' ? 'good' : 'bad', run);
}

/** What is said in the thread of a plan that expires soon. */
export function expiryReply(run: PlannedRun): Card {
  const blocks: Card['blocks'] = [
    {
      kind: 'text',
      rich: [
        `It has ${run.approvals.length} of ${run.needed} approvals and expires `,
        { time: run.expiresAt, show: 'relative' },
        '.',
      ],
    },
  ];
  return {
    tone: 'waiting',
    title: `Plan ${run.plan.id} of run ${run.id} expires soon`,
    blocks,
    buttons: [],
    files: [],
  };
}

function reply(title: string, tone: Card['tone'], run: Extract<Run, { steps: unknown }>): Card {
  return { tone, title, blocks: [], buttons: [], files: logFile(run.steps) };
}
