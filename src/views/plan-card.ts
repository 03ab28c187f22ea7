import {
  type AdoptChange,
  type Change,
  endsRunning,
  kindOf,
  type RollbackChange,
  requiresRestart,
} from '../core/change.ts';
import { shortSha } from '../core/commit.ts';
import { firmwareProblem } from '../core/firmware.ts';
import { onlyGuest } from '../core/goal.ts';
import { imageHash } from '../core/guest.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { confirmationFor, exceedsMaxDestroy, isOffBranch } from '../core/policy.ts';
import { retainsDisk } from '../core/retained-disks.ts';
import {
  type BlockedRun,
  type ExpiredRun,
  type PlannedRun,
  planOf,
  type RejectedRun,
  type Run,
  type SupersededRun,
  type Trigger,
} from '../core/run.ts';
import type { Block, Button, Card, CardFile, Rich, Span } from './card.ts';
import { consequences } from './consequences.ts';
import { costBlocks } from './cost.ts';
import { acceptButtons, driftBlocks } from './drift.ts';
import { accessWarnings, insideBlocks } from './inside.ts';
import {
  approvedBy,
  type CardContext,
  commitBlocks,
  count,
  guestName,
  ids,
  lockBlocks,
  planCounts,
  span,
} from './parts.ts';
import { planTable, planText } from './plan-text.ts';
import { whyBlocks } from './why.ts';

/** A plan that waits for a decision, or a blocked one. */
export function planCard(run: PlannedRun | BlockedRun, context: CardContext): Card {
  const { plan } = run;
  const blocked = plan.changes.length - runnable(plan).length;
  const drift = run.trigger.kind === 'drift';
  const title =
    run.phase === 'blocked'
      ? `${drift ? 'Drift' : 'Blocked'}: ${count(blocked, 'change')} cannot be run`
      : `${drift ? 'Drift' : 'Plan'}: ${planCounts(plan)}`;
  return {
    tone: run.phase === 'blocked' || destroysIn(plan).length > 0 ? 'bad' : 'waiting',
    title,
    blocks: [
      ...commitBlocks(run, context),
      ...whyBlocks(run.review ?? {}, run.commit.sha, context),
      ...(drift ? driftBlocks(run, context) : []),
      ...(run.trigger.kind === 'rollback' ? [rollbackBlock(run.trigger, plan)] : []),
      ...(run.phase === 'planned' ? movedBlocks(run) : []),
      { kind: 'divider' },
      ...lockBlocks(context),
      ...branchBlocks(run, context),
      ...warnings(plan, context),
      ...accessWarnings(plan, run.review),
      planTable(plan, run.review),
      ...insideBlocks(plan, run.review),
      ...costBlocks(plan, run.review?.cost),
      ...warningBlocks(run.warnings),
      run.phase === 'planned' ? decisionLine(run, context) : { kind: 'small', rich: [run.fleet, ...ids(run, plan)] },
    ],
    buttons:
      run.phase === 'planned' ? planButtons(run, context) : [planAgain(run), ...(drift ? acceptButtons(run) : [])],
    files: [planFile(plan, run)],
  };
}

/** The guests that an apply of the plan destroys. */
function destroysIn(plan: Plan): readonly Change[] {
  return runnable(plan).filter(({ action }) => action === 'destroy');
}

/** What the evaluation warned of, in one line: the whole stands in the file. */
function warningBlocks(warnings: readonly string[] = []): readonly Block[] {
  const [first] = warnings;
  if (first === undefined) return [];
  const rest = warnings.length === 1 && first.length <= longestWarning ? '' : ' (whole in the full plan)';
  const text = first.length <= longestWarning ? first : `${first.slice(0, longestWarning - 1)}…`;
  return [{ kind: 'small', rich: [`${count(warnings.length, 'warning')}: ${text}${rest}`] }];
}

const longestWarning = 160;

/** A plan that was rejected, superseded or expired: its text stays, its buttons are removed. */
export function plannedNoMore(run: RejectedRun | SupersededRun | ExpiredRun, context: CardContext): Card {
  const { plan } = run;
  return {
    tone: 'quiet',
    title: endTitle(run),
    blocks: [
      ...commitBlocks(run, context),
      ...(run.phase === 'rejected' && run.reason !== undefined
        ? [{ kind: 'text', rich: [{ bold: 'Reason: ' }, run.reason] } as const]
        : []),
      ...(plan === undefined ? [] : [planTable(plan, run.review)]),
      { kind: 'small', rich: [...endNote(run), ` · ${run.fleet}`, ...ids(run, plan)] },
    ],
    buttons: run.phase === 'superseded' ? [] : [planAgain(run)],
    files: plan === undefined ? [] : [planFile(plan, run)],
  };
}

/** The whole plan as a file. */
export function planFile(plan: Plan, run: Pick<Run, 'warnings' | 'review'>): CardFile {
  return { name: 'plan.diff', title: 'Full plan', text: planText(plan, run) };
}

/** The button that plans the fleet of a run again. */
export function planAgain(run: { readonly id: string }): Button {
  return { action: 'plan-again', label: 'Plan again', style: 'primary', runId: run.id };
}

function rollbackBlock({ by, vmid }: Extract<Trigger, { kind: 'rollback' }>, plan: Plan): Block {
  const guest = plan.goal.guests.find((one) => one.vmid === vmid);
  const what =
    guest === undefined ? 'the fleet back to this commit' : `${guestName(guest)} back to the root disk it had before`;
  return { kind: 'text', rich: [{ person: by }, ` asks to roll ${what}.`] };
}

function endTitle(run: RejectedRun | SupersededRun | ExpiredRun): string {
  const what = run.plan === undefined ? 'before there was a plan' : planCounts(run.plan);
  switch (run.phase) {
    case 'rejected':
      return run.trigger.kind === 'drift' ? `Ignored: drift, ${what}` : `Rejected: ${what}`;
    case 'superseded':
      return `Superseded: ${what}`;
    case 'expired':
      return `Expired: ${what}`;
  }
}

function endNote(run: RejectedRun | SupersededRun | ExpiredRun): readonly Span[] {
  switch (run.phase) {
    case 'rejected': {
      const drift = run.trigger.kind === 'drift';
      const silent = drift ? [', the same drift is not shown for 24 h'] : [];
      const at = { time: run.endedAt, show: 'time' } as const;
      return [
        drift ? 'Ignored by ' : 'Rejected by ',
        { person: run.by },
        ' at ',
        at,
        ...silent,
        '. Nothing was changed',
      ];
    }
    case 'superseded':
      return ['Run ', { code: run.byRun }, ' took its place. Nothing was changed'];
    case 'expired':
      return ['Nobody decided in time. Nothing was changed'];
  }
}

/** For a commit that is not on the branch: what approving it means, or why it cannot be approved. */
function branchBlocks(run: PlannedRun | BlockedRun, context: CardContext): readonly Block[] {
  if (run.offBranch !== true || onlyGuest(run.plan.goal) !== undefined) return [];
  const where = run.ref === undefined ? '' : `It was asked for as ${run.ref}. `;
  const then = isOffBranch(run, run.plan.goal, context.policy)
    ? `It cannot be approved: merge it into ${run.branch} and plan again. ALLOW_OTHER_BRANCHES=true lets other branches be approved.`
    : `Approving it applies changes that ${run.branch} does not have.`;
  return [
    {
      kind: 'warning',
      rich: [{ bold: `Commit ${shortSha(run.commit.sha)} is not on ${run.branch}. ` }, `${where}${then}`],
    },
  ];
}

function movedBlocks(run: PlannedRun): readonly Block[] {
  if (run.clusterChanges === undefined) return [];
  return [
    {
      kind: 'warning',
      rich: [
        { bold: 'The cluster changed, earlier approvals are void: ' },
        run.clusterChanges.join('; '),
        '. This is the new plan.',
      ],
    },
  ];
}

function warnings(plan: Plan, context: CardContext): readonly Block[] {
  const changes = runnable(plan);
  const destroys = destroysIn(plan).map(guestName);
  const replaces = changes.filter((change) => change.action === 'replace' && !change.incomplete);
  const backs = changes.filter((change) => change.action === 'rollback');
  const blocks: Block[] = [];
  if (destroys.length > 0) {
    const whole = exceedsMaxDestroy(plan, context.policy);
    blocks.push({
      kind: 'warning',
      rich: [
        { bold: `Destroys ${destroys.join(', ')}: ` },
        destroys.length === 1 ? 'its disks are deleted. ' : 'their disks are deleted. ',
        whole
          ? 'This exceeds MAX_DESTROY: you will have to type a sentence.'
          : `You will be asked to type ${destroys.length === 1 ? 'its name' : 'their names'}.`,
      ],
    });
  }
  if (replaces.length > 0) blocks.push(replaceWarning(replaces, context));
  if (backs.length > 0) blocks.push(rollbackWarning(backs, context));
  blocks.push(...changes.flatMap(firmwareWarning));
  blocks.push(...(plan.tight ?? []).map((text): Block => ({ kind: 'warning', rich: [{ bold: 'Tight: ' }, text] })));
  return [...blocks, ...changes.flatMap((change) => (change.action === 'adopt' ? [adoptWarning(change)] : []))];
}

/** The commonest way to a guest that never comes up. */
function firmwareWarning(change: Change): readonly Block[] {
  if (change.action !== 'update' && change.action !== 'replace') return [];
  const problem = firmwareProblem(change.guest, change.live);
  return problem === undefined ? [] : [{ kind: 'warning', rich: [{ bold: `${guestName(change)}: ` }, problem] }];
}

function replaceWarning(replaces: readonly Change[], { rollbackWindowMs }: CardContext): Block {
  const [first] = replaces;
  const one = replaces.length === 1 && first !== undefined;
  const stopping = replaces.filter(
    (change) => requiresRestart(change) && change.action === 'replace' && !endsRunning(change),
  );
  const restarting = replaces.filter((change) => requiresRestart(change) && !stopping.includes(change));
  const said = (which: readonly Change[], does: readonly [string, string]) => {
    if (which.length === 0) return '';
    const label = `The ${first && kindOf(first) === 'vm' ? 'VM' : 'container'}`;
    const names = one ? label : which.map((change) => change.name).join(', ');
    return `${names} ${does[which.length === 1 ? 0 : 1]}. `;
  };
  const kept: Rich = [
    `The old ${one ? 'disk is' : 'disks are'} kept for ${span(rollbackWindowMs)}; undo with `,
    { code: `/proxnix rollback ${one ? first.name : '<guest>'}` },
    '.',
  ];
  return {
    kind: 'warning',
    rich: [
      { bold: `Replaces the root disk of ${replaces.map(guestName).join(', ')}: ` },
      `data written to ${one ? 'this disk' : 'these disks'} will not be on the new ${one ? 'one' : 'ones'}. `,
      said(restarting, ['restarts once', 'restart once']),
      said(stopping, ['is shut down', 'are shut down']),
      ...(replaces.some(retainsDisk) ? kept : []),
    ],
  };
}

function rollbackWarning(backs: readonly RollbackChange[], { rollbackWindowMs }: CardContext): Block {
  const [first] = backs;
  const since: Rich =
    backs.length > 1 || first?.to === undefined ? [] : [', ', { time: first.to.since, show: 'date-time' }];
  const unknown = backs.filter(({ to }) => to !== undefined && to.imageHash === undefined).map(guestName);
  return {
    kind: 'warning',
    rich: [
      { bold: `Puts an earlier root disk back into ${backs.map(guestName).join(', ')}: ` },
      'its data is from when it was replaced',
      ...since,
      '. ',
      unknown.length === 0
        ? ''
        : `It is not known which image the disk of ${unknown.join(', ')} holds: no tag named it when it was taken out. `,
      `The current disk is kept for ${span(rollbackWindowMs)}.`,
    ],
  };
}

function adoptWarning(change: AdoptChange): Block {
  return {
    kind: 'warning',
    rich: [
      { bold: `Takes over ${guestName({ name: change.live.name, vmid: change.vmid })}: ` },
      `from now on proxnix manages it, and starts, changes or destroys it as the flake says. ${afterAdoption(change)}`,
    ],
  };
}

/** What becomes of the root disk of an adopted guest. */
function afterAdoption({ guest, next }: AdoptChange): string {
  if (next?.action !== 'replace') return 'Its root disk is kept: its tags name the image that the flake declares.';
  const found =
    next.fromImage === undefined ? 'No tag tells which image its root disk holds' : 'Its root disk holds another image';
  const replaced = `replace that disk by ${guest.imageType}, unless it gets the tag nix-${imageHash(guest.image)} in Proxmox before.`;
  if (next.blocked === undefined) return `${found}: the next plan WILL ${replaced}`;
  return `${found}. As soon as nothing blocks it, a plan WILL ${replaced} It is blocked now: ${next.blocked.advice}`;
}

function decisionLine(run: PlannedRun, context: CardContext): Block {
  const { approvers } = context.policy;
  const cannot = whyNotApproved(run, context);
  if (cannot !== undefined) {
    const expires = { time: run.expiresAt, show: 'relative' } as const;
    return {
      kind: 'small',
      rich: [`${run.fleet} · ${cannot} · expires `, expires, ...ids(run, run.plan)],
    };
  }
  return {
    kind: 'small',
    rich: [
      `${run.fleet} · approvals ${run.approvals.length} of ${run.needed} (${approvers.join(', ')}) · expires `,
      { time: run.expiresAt, show: 'date-time' },
      ' (',
      { time: run.expiresAt, show: 'relative' },
      ')',
      ...(run.approvals.length === 0 ? [] : [' · ', ...approvedBy(run.approvals)]),
      ...ids(run, run.plan),
    ],
  };
}

/** Why nobody can approve the plan as things stand; `undefined` when somebody can. */
function whyNotApproved(run: PlannedRun, { policy, lock }: CardContext): string | undefined {
  if (policy.approvers.length === 0) return 'nobody may approve: APPROVERS is not set';
  if (isOffBranch(run, run.plan.goal, policy)) return `cannot be approved: not on ${run.branch}`;
  return lock === undefined ? undefined : 'cannot be approved: applying is locked';
}

const planWords = { approve: 'Approve', reject: 'Reject' } as const;
const driftWords = { approve: 'Re-apply', reject: 'Ignore for 24 h' } as const;

function planButtons(run: PlannedRun, context: CardContext): readonly Button[] {
  const { plan } = run;
  const destroys = destroysIn(plan).length;
  const ids = { runId: run.id, planId: plan.id } as const;
  const confirmed = confirmationFor(plan, context.policy) !== undefined;
  const words = run.trigger.kind === 'drift' ? driftWords : planWords;
  const approve: Button = confirmed
    ? { ...ids, action: 'approve', label: `${words.approve} (destroys ${count(destroys, 'guest')})`, style: 'danger' }
    : {
        ...{ ...ids, action: 'approve', label: words.approve, style: 'primary' },
        confirm: { title: `Apply plan ${plan.id}?`, text: consequences(runnable(plan)), yes: words.approve },
      };
  const cannot = whyNotApproved(run, context);
  const reject: Button = { ...ids, action: 'reject', label: words.reject, style: 'plain' };
  return [
    ...(cannot === undefined ? [approve] : []),
    // Who may reject is who may approve.
    ...(context.policy.approvers.length === 0 ? [] : [reject]),
    ...(run.trigger.kind === 'drift' ? acceptButtons(run) : []),
    { ...ids, action: 'details', label: 'Full plan', style: 'plain' },
  ];
}

/** Asks which plan is meant when a command names only the run: shows the current plan and the command that names it. */
export function whichPlanCard(run: PlannedRun, verb: 'approve' | 'reject'): Card {
  const { id, plan, commit } = run;
  return {
    tone: 'waiting',
    title: `Which plan? Run ${id} has plan ${plan.id} now`,
    blocks: [
      { kind: 'text', rich: [`Commit ${shortSha(commit.sha)} ${commit.subject}`] },
      planTable(plan, run.review),
      { kind: 'text', rich: [`To ${verb} exactly this plan: `, { code: `/proxnix ${verb} ${id} ${plan.id}` }] },
    ],
    buttons: [],
    files: [planFile(plan, run)],
  };
}

/** The full plan of a run; `undefined` when the run has none. */
export function planCardOf(run: Run): Card | undefined {
  const plan = planOf(run);
  if (plan === undefined) return undefined;
  return {
    tone: 'quiet',
    title: `Full plan ${plan.id} of run ${run.id}`,
    blocks: [planTable(plan, run.review)],
    buttons: [],
    files: [planFile(plan, run)],
  };
}
