import { applyGroups } from '../core/apply-groups.ts';
import type { PlannedRun, Run } from '../core/run.ts';
import type { Card } from './card.ts';
import { endedCard, endTitle, logFile } from './ended-card.ts';
import type { CardContext } from './parts.ts';
import { planCard, plannedNoMore } from './plan-card.ts';
import { commitName, failedPlanningCard, planningCard, workingCard } from './working-card.ts';

/** A run as a message: the same for every chat, made anew from the run whenever it moves. */
export function runCard(run: Run, context: CardContext): Card {
  switch (run.phase) {
    case 'planning':
      return planningCard(run, context);
    case 'in-sync': {
      const { trigger, standing } = run;
      const commit = commitName(run);
      if (standing !== undefined) {
        return quiet(`No change: ${commit} changes nothing in the plan; run ${standing} is still open`);
      }
      if (trigger.kind === 'drift') return quiet(`In sync: the drift from ${commit} is gone`);
      if (trigger.kind !== 'adopt') return quiet(`In sync: ${commit} changes nothing`);
      const why = 'its VMID is free, or proxnix manages it already';
      return quiet(`In sync: ${trigger.guest} of ${commit} needs no adoption; ${why}`);
    }
    case 'planned':
    case 'blocked':
      return planCard(run, context);
    case 'queued':
    case 'applying':
      return workingCard(run, context);
    case 'applied':
    case 'cancelled':
    case 'interrupted':
      return endedCard(run, context);
    case 'failed':
      return run.applying === undefined
        ? failedPlanningCard(run, context)
        : endedCard({ ...run, ...run.applying }, context);
    case 'rejected':
    case 'superseded':
    case 'expired':
      return plannedNoMore(run, context);
  }
}

function quiet(title: string): Card {
  return { tone: 'quiet', title, blocks: [], buttons: [], files: [] };
}

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
