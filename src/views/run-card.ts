import type { Run } from '../core/run.ts';
import type { Card } from './card.ts';
import type { CardContext } from './context.ts';
import { endedCard } from './ended-card.ts';
import { planCard, plannedNoMore } from './plan-card.ts';
import { commitName, failedPlanningCard, planningCard } from './planning-card.ts';
import { workingCard } from './working-card.ts';

/** A run as a message: the same for every chat, made anew from the run whenever it moves. */
export function runCard(run: Run, context: CardContext): Card {
  switch (run.phase) {
    case 'planning':
      return planningCard(run, context);
    case 'in-sync': {
      const { trigger, standing } = run;
      const commit = commitName(run);
      if (standing !== undefined) {
        return quiet(`No change: ${commit} changes no planned value; the plan of run ${standing} still stands`);
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
