import { advance } from '../core/advance.ts';
import type { Plan } from '../core/plan.ts';
import { imagePairs, type Review } from '../core/review.ts';
import type { ApplyingRun, PlanningRun, Run, RunEvent, Who } from '../core/run.ts';
import { planSteps } from '../core/steps.ts';
import {
  adoptPlan,
  blockedPlan,
  emptyPlan,
  movedPlan,
  quietPlan,
  rollbackPlan,
  sampleCommit,
  sampleNow,
  samplePlan,
} from './sample-fleet.ts';

const ada: Who = { chat: 'console', id: 'owner', name: 'Ada' };
const at = sampleNow;
const expiresAt = sampleNow + 24 * 3_600_000;
const hostile = '<!channel> @everyone **bold** `code` <img src=x onerror=alert(1)> \u202egnp.exe';

/** A run in every state that a card can show, by name. */
export function sampleRuns(): Readonly<Record<string, Run>> {
  const planning = moved(started(), [{ type: 'commit-found', commit: sampleCommit }]);
  const planned = (plan: Plan, needed = 1): Run => moved(planning, [{ type: 'planned', plan, at, expiresAt, needed }]);
  const approved = moved(planned(samplePlan()), [{ type: 'approved', approval: { by: ada, at } }]);
  const applying = moved(approved, [{ type: 'started', steps: planSteps(samplePlan()), at }]);
  const building = moved(applying, [
    { type: 'step-started', id: 'build', at },
    { type: 'progress', id: 'build', text: '12 of 31 derivations: nixos-disk-image', fraction: 12 / 31 },
  ]);
  const importing = atStep(applying, '822 prepare', 0.42);
  const failure = {
    message: 'The start of VM 822 failed: MAX 2 vcpus allowed per VM on this node.',
    next: 'Give test-worker fewer cores, or move it to a larger node.',
    details: ['starting VM 822', 'TASK ERROR: MAX 2 vcpus allowed per VM on this node'],
  };
  const rolledBack = {
    message: 'test-worker (822) did not become healthy on image q7w3n5zb.',
    details: ['running: yes', 'agent ping: silent, 61 tries in 120 s', 'tcp 22: refused, 61 tries in 120 s'],
    rolledBack: { vmid: 822, name: 'test-worker', imageHash: '4vq1h0c2d8k3m7p1r5v9x2z6b0f4h8ln' },
  };
  const evaluation = {
    message:
      'The image build-qcow2-worker does not evaluate: There is no option boot.kernelPackges (images/worker.nix:7).',
    details: [
      "Did you mean `boot.kernelPackages'?",
      "The option `boot.kernelPackges' does not exist. Definition values:",
      "- In `images/worker.nix': <derivation linux-6.12.8>",
    ],
    log: "The option `boot.kernelPackges' does not exist.\nwhile evaluating the option `warnings': at <nixpkgs>/lib/modules.nix:300:9",
  };
  const back: Run = { ...planned(rollbackPlan()), trigger: { kind: 'rollback', by: ada, vmid: 822 } };
  const request: Run = { ...started(), trigger: { kind: 'pull', number: 7 }, ref: 'pull/7', offBranch: true };
  const preview = moved(request, [{ type: 'previewed', plan: samplePlan(), expiresAt }]);
  const drift = (plan: Plan, needed = 1): Run => ({ ...planned(plan, needed), trigger: { kind: 'drift' } });
  return {
    'planning-waiting': started(),
    'planning-evaluating': moved(planning, [{ type: 'progressed', activity: 'evaluating' }]),
    'planning-images': moved(planning, [{ type: 'progressed', activity: 'images' }]),
    'planning-comparing': moved(planning, [{ type: 'progressed', activity: 'comparing' }]),
    'in-sync': moved(planning, [{ type: 'in-sync', at }]),
    'in-sync-standing': moved(planning, [{ type: 'in-sync', at, standing: 'r-40' }]),
    plan: planned(samplePlan()),
    'plan-reviewed': { ...planned(samplePlan()), review: sampleReview() },
    'plan-quiet': planned(quietPlan()),
    'plan-warned': {
      ...planned(quietPlan()),
      warnings: [
        "The option `services.openssh.passwordAuthentication' defined in `hosts/website.nix' has been renamed to `services.openssh.settings.PasswordAuthentication'.",
        'The website module is old.',
      ],
    },
    'plan-partly-approved': moved(planned(quietPlan(), 2), [{ type: 'approved', approval: { by: ada, at } }]),
    'plan-empties-fleet': planned(emptyPlan()),
    'plan-moved': moved(planned(samplePlan()), [
      {
        type: 'planned',
        plan: movedPlan(),
        at,
        expiresAt,
        needed: 1,
        clusterChanges: ['the configuration of test-cp (821) changed'],
      },
    ]),
    'plan-other-branch': { ...planned(quietPlan()), ref: 'feature/larger-website', offBranch: true },
    'plan-named': { ...planned(quietPlan()), ref: 'v1.2' },
    'plan-hostile': planned(hostilePlan()),
    preview,
    'preview-over': moved(preview, [{ type: 'closed', at }]),
    drift: drift(quietPlan()),
    'drift-ignored': moved(drift(quietPlan()), [{ type: 'rejected', by: ada, at }]),
    adopt: { ...planned(adoptPlan()), trigger: { kind: 'adopt', by: ada, guest: 'test-init' } },
    blocked: moved(planning, [{ type: 'blocked', plan: blockedPlan(), at }]),
    queued: approved,
    building,
    importing,
    cancelling: moved(importing, [{ type: 'cancel-asked', by: ada }]),
    applied: moved(finished(applying), [
      { type: 'applied', at: at + 372_000, addresses: { '820': '10.0.8.20', '821': '10.0.8.21' } },
    ]),
    rollback: back,
    'rollback-applied': moved(
      finished(
        moved(back, [
          { type: 'approved', approval: { by: ada, at } },
          { type: 'started', steps: planSteps(rollbackPlan()), at },
        ]),
      ),
      [{ type: 'applied', at: at + 14_000, addresses: { '822': '10.0.8.22' } }],
    ),
    failed: moved(importing, [{ type: 'failed', failure, at: at + 95_000 }]),
    'failed-rolled-back': moved(atStep(applying, '822 health', 0), [
      { type: 'failed', failure: rolledBack, at: at + 240_000 },
    ]),
    'failed-planning': moved(planning, [{ type: 'failed', failure: evaluation, at }]),
    cancelled: moved(importing, [
      { type: 'cancel-asked', by: ada },
      { type: 'cancelled', at: at + 90_000 },
    ]),
    interrupted: moved(importing, [
      {
        type: 'interrupted',
        at: at + 100_000,
        notes: ['The step "822 prepare": its task finished after the bot stopped, with "OK".'],
      },
    ]),
    rejected: moved(planned(samplePlan()), [{ type: 'rejected', by: ada, at, reason: 'the website is still needed' }]),
    superseded: moved(planned(samplePlan()), [{ type: 'superseded', byRun: 'r-42', at }]),
    expired: moved(planned(samplePlan()), [{ type: 'expired', at: expiresAt }]),
  };
}

/** What is known beside a plan: every part of it. */
function sampleReview(): Review {
  const pairs = imagePairs(samplePlan());
  const commit = (sha: string, subject: string) => ({ ...sampleCommit, sha: sha.repeat(40), subject });
  const [age, day] = [at - 21 * 86_400_000, at - 3_600_000];
  return {
    commits: { newest: [sampleCommit, commit('b', 'ops: let Ada in'), commit('c', 'nixpkgs: update')], all: 9 },
    inputs: [{ name: 'nixpkgs', from: { rev: '96afa93', at: age }, to: { rev: '13f3f2e', at: day } }],
    images: pairs.map((pair) => ({
      ...pair,
      difference: {
        access: [
          { what: 'wheel', change: 'added', user: 'ada' },
          { what: 'key', change: 'added', user: 'ada', key: hostile },
          { what: 'port', change: 'added', protocol: 'tcp', from: 8080, to: 8080 },
        ],
        changes: [
          { what: 'service', name: 'containerd', to: 'root' },
          { what: 'kernel', name: '', from: '6.12.30', to: '6.12.31' },
        ],
        packages: {
          changed: Array.from({ length: 12 }, (_, index) => ({ name: `package-${index}`, from: '1.0', to: '1.1' })),
          all: 12,
        },
        unknown: [],
      },
    })),
    cost: { downtimeMs: { '822': 21_000 }, like: { run: 'r-38', ms: 194_000 }, uploadBytes: 2 ** 31 },
  };
}

function started(): PlanningRun {
  return {
    phase: 'planning',
    id: 'r-41',
    fleet: 'homelab',
    branch: 'main',
    trigger: { kind: 'push' },
    startedAt: at,
    activity: 'waiting',
  };
}

function moved(run: Run, events: readonly RunEvent[]): Run {
  return events.reduce(advance, run);
}

/** Every step before `id` done, a few seconds each; `id` running. */
function atStep(run: Run, id: string, fraction: number): Run {
  const steps = (run as ApplyingRun).steps.map((state) => state.step.id);
  const before = steps.slice(0, steps.indexOf(id));
  return moved(run, [
    ...before.flatMap((one, index) => doneStep(one, index)),
    { type: 'step-started', id, at: at + before.length * 7000 },
    { type: 'output', id, line: 'create full clone of drive (proxnix-images:import/proxnix-q7w3n5zb.qcow2)' },
    { type: 'progress', id, text: '860.2 MiB of 2.0 GiB (42 %)', fraction },
  ]);
}

function finished(run: Run): Run {
  const steps = (run as ApplyingRun).steps.map((state) => state.step.id);
  return moved(
    run,
    steps.flatMap((one, index) => doneStep(one, index)),
  );
}

function doneStep(id: string, index: number): readonly RunEvent[] {
  return [
    { type: 'step-started', id, at: at + index * 7000 },
    { type: 'step-done', id, at: at + (index + 1) * 7000 },
  ];
}

/** Text from outside in every place that it can reach. */
function hostilePlan(): Plan {
  const plan = quietPlan();
  const [change, ...others] = plan.changes;
  if (change?.action !== 'update') return plan;
  const field = { field: 'description', from: hostile, to: `${hostile} ${'x'.repeat(200)}`, restart: false } as const;
  const commit = { ...plan.goal.commit, subject: hostile, author: hostile };
  const goal = { ...plan.goal, commit };
  return { ...plan, goal, changes: [{ ...change, fields: [...change.fields, field] }, ...others] };
}
