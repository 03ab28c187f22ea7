import { commands } from '../../commands/index.ts';
import type { Run } from '../core/run.ts';
import { collectedCard, powerCard, storeCard } from '../views/announcements.ts';
import { type GuestStatusRow, guestStatusCard, helpCard, historyCard, statusCard } from '../views/answer-cards.ts';
import type { Card } from '../views/card.ts';
import { confirmForm, type Form, rejectForm } from '../views/forms.ts';
import type { CardContext } from '../views/parts.ts';
import { planCardOf, whichPlanCard } from '../views/plan-card.ts';
import { endReply, expiryReply, runCard } from '../views/run-card.ts';
import { sampleNow } from './sample-fleet.ts';
import { sampleRuns } from './sample-runs.ts';

const context: CardContext = {
  repository: 'acme/fleet',
  webUrl: 'https://git.example.org/acme/fleet',
  policy: { approvers: ['console:owner'], allowOtherBranches: false },
  rollbackWindowMs: 24 * 60 * 60_000,
  applied: '4d0c8e1b2f3a4d5c6b7a8f9e0d1c2b3a4f5e6d7c',
  now: sampleNow + 120_000,
};
const lock = {
  reason: 'the UPS is being replaced',
  by: { chat: 'console', id: 'owner', name: 'Ada' },
  at: sampleNow,
} as const;

/** Every card, by a name that is a valid file name. */
export function galleryCards(): Readonly<Record<string, Card>> {
  const runs = sampleRuns();
  const cards: Record<string, Card> = {};
  for (const [name, run] of Object.entries(runs)) {
    cards[name] = runCard(run, context);
    const reply = endReply(run);
    if (reply !== undefined) cards[`reply-${name}`] = reply;
  }
  const plan = runs['plan'];
  if (plan?.phase !== 'planned') throw new Error('the gallery has no plan');
  cards['plan-locked'] = runCard(plan, { ...context, lock });
  cards['plan-nobody'] = runCard(plan, { ...context, policy: { ...context.policy, approvers: [] } });
  const otherBranch = runOf(runs, 'plan-other-branch');
  const allowed = { ...context.policy, allowOtherBranches: true };
  cards['plan-other-branch-allowed'] = runCard(otherBranch, { ...context, policy: allowed });
  const offer = { guest: { name: 'test-website', vmid: 823 } };
  cards['applied-rollback'] = runCard(runOf(runs, 'applied'), { ...context, rollback: offer });
  cards['plan-which'] = whichPlanCard(plan, 'approve');
  cards['queued-behind'] = runCard(runOf(runs, 'queued'), { ...context, behind: 'r-40' });
  cards['plan-full'] = planCardOf(plan) ?? cards['plan-locked'];
  cards['reply-expiry'] = expiryReply(plan);
  cards['status'] = statusCard(
    [
      {
        fleet: 'homelab',
        guests: guests(),
        open: [plan],
        queue: ['r-40', 'r-41'],
        lastRun: runs['applied'],
        lock: undefined,
      },
    ],
    context.now,
  );
  cards['status-empty'] = statusCard(
    [{ fleet: 'homelab', guests: [], open: [], queue: [], lastRun: undefined, lock }],
    context.now,
  );
  const [guest] = guests();
  if (guest !== undefined) cards['status-guest'] = guestStatusCard(guest);
  const stopped = { name: 'test-cp', vmid: 821 };
  cards['power-started'] = powerCard(stopped, { kind: 'started' });
  cards['power-report'] = powerCard(stopped, { kind: 'report' });
  cards['power-locked'] = powerCard(stopped, { kind: 'locked', lock });
  cards['power-pending'] = powerCard(stopped, { kind: 'pending' });
  cards['power-often'] = powerCard(stopped, { kind: 'often', starts: 3 });
  const collected = {
    volid: 'local-lvm:vm-822-disk-1',
    imageHash: '4vq1h0c2d8k3m7p1r5v9x2z6b0f4h8ln',
    sizeMb: 10 * 1024,
  };
  cards['collected'] = collectedCard({
    disks: [{ name: 'test-worker', vmid: 822, disks: [collected] }],
    images: [
      { volid: `proxnix-images:import/proxnix-${collected.imageHash}.qcow2`, hash: collected.imageHash, size: 1.9e9 },
    ],
    roots: 2,
  });
  cards['store-damaged'] = storeCard({
    file: 'store.json.damaged-1795341480000',
    lost: [
      { what: 'run r-41', why: 'plan: Invalid input: expected object, received undefined' },
      { what: '"lock" of homelab', why: 'lock.reason: Invalid input: expected string, received number' },
    ],
  });
  cards['history'] = historyCard(Object.values(runs));
  cards['help'] = helpCard(commands);
  return cards;
}

/** Every form, by a name that is a valid file name. */
export function galleryForms(): Readonly<Record<string, Form>> {
  const run = sampleRuns()['plan'];
  if (run?.phase !== 'planned') throw new Error('the gallery has no plan');
  return { 'form-confirm': confirmForm(run, 'test-website'), 'form-reject': rejectForm(run) };
}

function runOf(runs: Readonly<Record<string, Run>>, name: string): Run {
  const run = runs[name];
  if (run === undefined) throw new Error(`the gallery has no run "${name}"`);
  return run;
}

function guests(): readonly GuestStatusRow[] {
  const row = {
    node: 'pve1',
    cores: 2,
    memoryMb: 2048,
    protected: false,
    commit: '9b1f2ad0c4e85d7f3a6b1928e7d4f05c3b2a1968',
  };
  return [
    {
      ...row,
      name: 'test-init',
      vmid: 820,
      status: 'running',
      pending: false,
      imageHash: '77aa01bcg4k8n2q6s0v4x8z1d5h9l3pj',
      retained: { imageHash: '4vq1h0c2d8k3m7p1r5v9x2z6b0f4h8ln', until: sampleNow + 22 * 60 * 60_000 },
    },
    { ...row, name: 'test-worker', vmid: 822, status: 'stopped', pending: true, imageHash: undefined },
  ];
}
