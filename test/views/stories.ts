import { diffFacts } from '../../src/core/facts-difference.ts';
import { type DesiredVm, imageHash } from '../../src/core/guest.ts';
import type { LiveGuest } from '../../src/core/live.ts';
import { createPlan, type Plan } from '../../src/core/plan.ts';
import type { ImageReview } from '../../src/core/review.ts';
import type { GuestNow, Run, RunEvent } from '../../src/core/run.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import type { CardContext } from '../../src/views/parts.ts';
import {
  aBigPlan,
  aContainer,
  aContext,
  ada,
  aGoal,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  anUnreadGuest,
  aPlan,
  aRun,
  aState,
  follow,
  gib,
  grace,
  minute,
  stepsDone,
  t0,
} from '../support/builders.ts';
import { nobody, someFacts } from '../support/facts.ts';

/** A run as people may come to see it, and where it stands. */
export interface Story {
  readonly name: string;
  readonly run: Run;
  readonly context?: Partial<CardContext>;
}

const big = aBigPlan();
const lock = { reason: 'storage migration until noon', by: grace, at: t0 };
const cloneGuests = (many: number) =>
  Array.from({ length: many }, (_, index) => aLiveGuest({}, aGuest({ vmid: 830 + index, name: `old-${index}` })));
const replacing = aPlan({ guests: [aGuest({ image: anImage('b'), memoryMb: 4096 })] }, [aLiveGuest()]);
const partlyBlocked = aPlan({ guests: [aGuest(), aGuest({ vmid: 900, name: 'payroll', key: 'payroll' })] }, [
  aLiveGuest({ tags: ['prod'], name: 'payroll-2019' }, aGuest({ vmid: 900 })),
]);

const pairs = { from: imageHash(anImage()), to: imageHash(anImage('b')) };
/** A commit that opens a port, lets a user become root and bumps packages. */
const opened: ImageReview = {
  ...pairs,
  difference: diffFacts(
    someFacts,
    {
      ...someFacts,
      users: [
        ...(someFacts.users ?? []),
        { ...nobody, name: 'ops', wheel: true, keys: [{ name: 'ops@site', digest: '1' }] },
      ],
      firewall: { on: true, ports: [22, 8080].map((port) => ({ protocol: 'tcp', from: port, to: port })), trusted: [] },
      mounts: [
        ...(someFacts.mounts ?? []),
        { at: '/srv', type: 'xfs', device: '/dev/disk/by-label/a-rather-long-name-of-it' },
      ],
      services: [
        { name: 'nginx', user: 'www' },
        { name: 'sshd', user: 'root' },
      ],
      kernel: '6.12.31',
    },
    {
      changed: Array.from({ length: 12 }, (_, index) => ({ name: `package-${index}`, from: '1.0', to: '1.1' })),
      all: 30,
    },
  ),
};
/** Many guests get the same other release. */
const upgrading = aPlan(
  { guests: guestsAlike((one) => ({ ...one, image: anImage('b') })) },
  guestsAlike((one) => one).map((one) => aLiveGuest({}, one)),
);
const { users: _, ...withoutUsers } = someFacts;
const upgraded: ImageReview = {
  ...pairs,
  difference: diffFacts(
    withoutUsers,
    { ...someFacts, release: '25.11', firewall: { on: false, ports: [], trusted: [] } },
    { changed: [], all: 912 },
  ),
};
const unknownBefore: ImageReview = { ...pairs, notKnown: 'from' };

const older = aGuest({ image: anImage('b') });
const keptDisk = {
  ...{ vmid: 823, uuid: '00000000-0000-4000-8000-000000000823', volid: 'local-lvm:vm-823-disk-1', since: t0 },
  ...{ imageHash: imageHash(older.image), commit: 'c0ffee00'.repeat(5), sizeMb: 20 * 1024 },
};
const withRetained = aLiveGuest({
  config: { unused: { unused0: keptDisk.volid, unused200: 'local-lvm:vm-823-disk-2' } },
});
const rollingBack = aPlan({ rollback: { vmid: 823, retained: [keptDisk] } }, [withRetained]);
const rollingAllBack = aPlan({ guests: [{ ...older, memoryMb: 4096 }], rollback: { retained: [keptDisk] } }, [
  withRetained,
]);
const rollbackAsked = { trigger: { kind: 'rollback', by: ada, vmid: 823 } } as const;

const otherRoot = anImage('d', 'container', 'lxc-cache');
/** Containers beside a VM: made, changed, given another image, held back, taken away. */
const containers = aPlan(
  {
    guests: [
      aGuest(),
      aContainer({ vmid: 831, name: 'new' }),
      aContainer({ vmid: 832, name: 'larger', memoryMb: 1024, swapMb: 0, features: [], ip: '10.0.0.5/24' }),
      aContainer({ vmid: 833, name: 'other-root', image: otherRoot }),
      aContainer({ vmid: 834, name: 'elsewhere', storage: 'fast' }),
      aContainer({ vmid: 835, name: 'privileged', unprivileged: false }),
    ],
  },
  [
    aLiveGuest(),
    ...['larger', 'other-root', 'elsewhere', 'privileged'].map((name, index) =>
      aLiveContainer({}, aContainer({ vmid: 832 + index, name })),
    ),
    aLiveContainer({}, aContainer({ vmid: 836, name: 'gone' })),
  ],
);

/** A plan with every action and most of what can block one. */
const everything = aPlan(
  {
    guests: [
      aGuest({ vmid: 820, name: 'new' }),
      aGuest({ vmid: 821, name: 'bigger', cores: 4, diskGb: 40, description: 'serves the website, behind the proxy' }),
      aGuest({ vmid: 822, name: 'other-image', image: anImage('b') }),
      aGuest({ vmid: 823, name: 'half-made' }),
      aGuest({ vmid: 824, name: 'smaller', diskGb: 10 }),
      aGuest({ vmid: 825, name: 'guarded', protected: true, cores: 1 }),
      aGuest({ vmid: 826, name: 'somebody-elses', key: 'taken' }),
      aGuest({ vmid: 827, name: 'unread' }),
      aGuest({ vmid: 828, name: 'no-place', storage: 'tape' }),
      aGuest({ vmid: 829, name: 'elsewhere', node: 'pve2' }),
      aGuest({ vmid: 831, name: 'with-leftover' }),
    ],
  },
  [
    aLiveGuest({}, aGuest({ vmid: 821, name: 'bigger' })),
    aLiveGuest({}, aGuest({ vmid: 822, name: 'other-image' })),
    aLiveGuest(
      { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { disks: {} } },
      aGuest({ name: 'half-made' }),
    ),
    aLiveGuest({}, aGuest({ vmid: 824, name: 'smaller' })),
    aLiveGuest({}, aGuest({ vmid: 825, name: 'guarded', protected: true })),
    aLiveGuest({ tags: [] }, aGuest({ vmid: 826, name: 'payroll' })),
    anUnreadGuest({ vmid: 827, name: 'unread', node: 'pve2' }),
    aLiveGuest({ node: 'pve1' }, aGuest({ vmid: 829, name: 'elsewhere' })),
    aLiveGuest({ config: { unused: { unused200: 'x' } } }, aGuest({ vmid: 831, name: 'with-leftover' })),
    aLiveGuest({}, aGuest({ vmid: 840, name: 'gone' })),
    aLiveGuest(
      { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { description: stagingMarker(821) } },
      aGuest({ vmid: 900_000_821, name: 'proxnix-staging-821' }),
    ),
  ],
);

const foreign = aLiveGuest({ tags: ['prod'], name: 'payroll', config: { memoryMb: 1024 } });
const adopting = aPlan({ adopt: 823 }, [foreign]);
const adopted = { trigger: { kind: 'adopt', by: ada, guest: 'test-website' } } as const;

/** Somebody changed the memory of one guest and let the disk of another grow. */
const grownByHand = aPlan({ guests: [aGuest({ memoryMb: 4096 }), aGuest({ vmid: 824, name: 'grown', diskGb: 8 })] }, [
  aLiveGuest(),
  aLiveGuest({}, aGuest({ vmid: 824, name: 'grown', diskGb: 12 })),
]);
const drifted = { trigger: { kind: 'drift' } } as const;

export const stories: readonly Story[] = [
  ...(['waiting', 'fetching', 'evaluating', 'images', 'comparing'] as const).map((activity) => ({
    name: `planning-${activity}`,
    run: aRun('planning', big, { activity }),
  })),
  { name: 'planning-behind', run: aRun('planning'), context: { behind: 'r-40' } },
  { name: 'planning-locked', run: aRun('planning'), context: { lock } },
  { name: 'in-sync', run: aRun('in-sync') },
  { name: 'in-sync-standing', run: aRun('in-sync', aPlan(), { standing: 'r-40' }) },
  { name: 'plan-first', run: aRun('planned'), context: { ...without('applied') } },
  { name: 'plan-local-repository', run: aRun('planned'), context: { ...without('webUrl') } },
  { name: 'plan-of-everything', run: aRun('planned', everything) },
  { name: 'plan-containers', run: aRun('planned', containers) },
  { name: 'applied-containers', run: applied(containers, {}) },
  { name: 'plan-big', run: aRun('planned', big) },
  {
    name: 'plan-warned',
    run: {
      ...aRun('planned', replacing),
      warnings: ["The option `a.b' has been renamed to `a.c'.", 'The website is old.'],
    },
  },
  {
    name: 'plan-tight',
    run: aRun('planned', createPlan(aGoal(), aState([], [aNode({ memory: 32 * gib, freeMemory: gib })]))),
  },
  {
    name: 'plan-cost',
    run: aRun('planned', replacing, {
      review: {
        cost: { downtimeMs: { 823: 21_400 }, like: { run: 'r-12', ms: 221_000 }, uploadBytes: 1.2 * gib },
      },
    }),
  },
  { name: 'plan-replace', run: aRun('planned', replacing) },
  { name: 'plan-inside', run: aRun('planned', replacing, { review: { images: [opened] } }) },
  {
    name: 'plan-inside-new',
    run: aRun('planned', aPlan(), { review: { newImages: [{ image: imageHash(anImage()), facts: someFacts }] } }),
  },
  { name: 'plan-inside-alike', run: aRun('planned', upgrading, { review: { images: [upgraded] } }) },
  { name: 'plan-inside-unknown', run: aRun('planned', replacing, { review: { images: [unknownBefore] } }) },
  { name: 'plan-partly-blocked', run: aRun('planned', partlyBlocked) },
  {
    name: 'plan-two-destroys',
    run: aRun('planned', aPlan({ guests: [aGuest()] }, cloneGuests(2))),
    context: { policy: { allowOtherBranches: false, approvers: ['console:ada'], maxDestroy: 3 } },
  },
  { name: 'plan-many-destroys', run: aRun('planned', aPlan({ guests: [aGuest()] }, cloneGuests(3))) },
  { name: 'plan-nothing-wanted', run: aRun('planned', aPlan({ guests: [] }, cloneGuests(1))) },
  { name: 'plan-renumbered', run: aRun('planned', aPlan({ guests: [aGuest({ vmid: 824 })] }, [aLiveGuest()])) },
  {
    name: 'plan-nobody-may-approve',
    run: aRun('planned'),
    context: { policy: { allowOtherBranches: false, approvers: [] } },
  },
  { name: 'preview', run: aRun('previewed', big) },
  { name: 'preview-over', run: aRun('closed', big) },
  { name: 'plan-other-branch', run: aRun('planned', big, { ref: 'feature/x', offBranch: true }) },
  {
    name: 'plan-other-branch-allowed',
    run: aRun('planned', aPlan(), { ref: '4d0c8e1', offBranch: true }),
    context: { policy: { allowOtherBranches: true, approvers: ['console:ada'] } },
  },
  { name: 'plan-named', run: aRun('planned', aPlan(), { ref: 'v1.2' }) },
  { name: 'drift-off-branch', run: aRun('planned', replacing, { ...drifted, offBranch: true }) },
  { name: 'plan-locked', run: aRun('planned'), context: { lock } },
  { name: 'plan-partly-approved', run: aRun('planned', aPlan(), { needed: 2, approvals: [{ by: ada, at: t0 }] }) },
  { name: 'plan-cluster-changes', run: movedRun() },
  { name: 'drift', run: aRun('planned', replacing, drifted) },
  { name: 'drift-with-destroy', run: aRun('planned', big, drifted) },
  { name: 'drift-blocked', run: aRun('blocked', aPlan({}, [aLiveGuest({ config: { protected: true } })]), drifted) },
  { name: 'drift-partly-blocked', run: aRun('planned', grownByHand, drifted) },
  { name: 'drift-ignored', run: aRun('rejected', big, { ...drifted, reason: 'it is being repaired' }) },
  { name: 'drift-gone', run: aRun('in-sync', big, drifted) },
  { name: 'adopt', run: aRun('planned', adopting, adopted) },
  {
    name: 'adopt-other-image',
    run: aRun('planned', aPlan({ adopt: 823 }, [{ ...foreign, tags: [`nix-${'z'.repeat(32)}`] }]), adopted),
  },
  {
    name: 'adopt-same-image',
    run: aRun('planned', aPlan({ adopt: 823 }, [{ ...foreign, tags: [`nix-${imageHash(anImage())}`] }]), adopted),
  },
  {
    name: 'adopt-next-blocked',
    run: aRun(
      'planned',
      aPlan({ adopt: 823 }, [aLiveGuest({ tags: ['prod'], name: 'payroll' }, aGuest({ diskSlot: 'sata0' }))]),
      adopted,
    ),
  },
  {
    name: 'adopt-blocked',
    run: aRun('blocked', aPlan({ adopt: 823 }, [{ ...foreign, lock: 'backup' }]), adopted),
  },
  { name: 'rollback', run: aRun('planned', rollingBack, rollbackAsked) },
  { name: 'rollback-fleet', run: aRun('planned', rollingAllBack, { trigger: { kind: 'rollback', by: ada } }) },
  {
    name: 'rollback-nothing-retained',
    run: aRun('blocked', aPlan({ rollback: { vmid: 823, retained: [] } }, [aLiveGuest()]), rollbackAsked),
  },
  { name: 'rollback-applying', run: at(rollingBack, '823 swap') },
  { name: 'rollback-applied', run: applied(rollingBack, {}) },
  { name: 'adopt-applying', run: at(adopting, '823 adopt') },
  { name: 'adopt-applied', run: applied(adopting, {}) },
  { name: 'adopt-needless', run: aRun('in-sync', adopting, adopted) },
  { name: 'blocked', run: aRun('blocked', aPlan({}, [aLiveGuest({ tags: ['prod'], name: 'payroll' })])) },
  { name: 'queued', run: aRun('queued', big) },
  {
    name: 'queued-behind-by-two',
    run: aRun('queued', big, { approvals: [approval(grace), approval(ada)] }),
    context: { behind: 'r-40' },
  },
  { name: 'queued-locked', run: aRun('queued', big), context: { lock } },
  { name: 'applying-begins', run: aRun('applying', big) },
  {
    name: 'applying-build',
    run: at(big, 'build', { text: '3 of 12 derivations: linux-6.12.8, systemd-257', fraction: 0.25 }),
  },
  {
    name: 'applying-upload',
    run: at(big, 'upload cccccccc pve1', { text: '1.2 GiB of 1.9 GiB (63 %)', fraction: 0.63 }),
  },
  { name: 'applying-import', run: at(big, '820 import', { text: '64.0 MiB of 1.9 GiB (3 %)', fraction: 0.03 }) },
  { name: 'applying-restart', run: at(big, '822 restart') },
  { name: 'applying-destroy', run: at(big, '830 stop') },
  { name: 'applying-done', run: follow(aRun('applying', big), ...stepsDone(big)) },
  { name: 'applying-cancel-asked', run: follow(at(big, '820 import'), { type: 'cancel-asked', by: grace }) },
  { name: 'applied', run: applied(big, { 820: '10.0.0.20', 822: '2001:db8:1234:5678:be24:11ff:fe12:3456' }) },
  { name: 'applied-one', run: applied(replacing, {}) },
  { name: 'applied-partly-blocked', run: applied(partlyBlocked, {}) },
  { name: 'applied-destroy-only', run: applied(aPlan({ guests: [] }, cloneGuests(2)), {}) },
  { name: 'failed-planning', run: aRun('failed') },
  { name: 'failed-planning-long', run: failedPlanning() },
  {
    name: 'failed-planning-log',
    run: follow(aRun('planning'), {
      type: 'failed',
      at: t0 + minute,
      failure: {
        message: 'The image web does not evaluate: There is no option networking.nameserver (hosts/web.nix:4).',
        details: ["Did you mean `networking.nameservers'?"],
        log: "The option `networking.nameserver' does not exist.\nwhile evaluating the option `warnings':",
      },
    }),
  },
  {
    name: 'failed-queued',
    run: follow(aRun('queued', big), failed('The cluster does not answer: connect ECONNREFUSED 10.0.0.1:8006.')),
  },
  {
    name: 'failed-build',
    run: follow(
      at(big, 'build'),
      output('build', 'linux> error: builder failed'),
      failed('The build of linux-6.12.8 failed.'),
    ),
  },
  { name: 'failed-guest', run: failedGuest() },
  { name: 'failed-guest-gone', run: failedGuest({ status: 'gone' }) },
  { name: 'failed-guest-unknown', run: failedGuest({ status: 'unknown' }) },
  { name: 'cancelled', run: cancelledAt('822 prepare') },
  {
    name: 'cancelled-in-build',
    run: follow(at(big, 'build'), { type: 'cancel-asked', by: ada }, { type: 'cancelled', at: t0 + 3 * minute }),
  },
  {
    name: 'interrupted',
    run: follow(at(big, '822 swap'), {
      type: 'interrupted',
      at: t0 + 9 * minute,
      notes: ['VM 822: the swap was written; a restart is pending.'],
      guestNow: { vmid: 822, name: 'test-worker', status: 'stopped', imageHash: 'c'.repeat(32), unfinished: true },
    }),
  },
  {
    name: 'interrupted-between',
    run: follow(aRun('applying', big), ...stepsDone(big, '822 prepare'), {
      type: 'interrupted',
      at: t0 + 9 * minute,
      notes: [],
    }),
  },
  { name: 'rejected', run: aRun('rejected', big) },
  { name: 'rejected-with-reason', run: aRun('rejected', aPlan(), { reason: 'not before the migration' }) },
  { name: 'superseded', run: aRun('superseded') },
  { name: 'superseded-before-plan', run: follow(aRun('planning'), { type: 'superseded', byRun: 'r-42', at: t0 }) },
  { name: 'expired', run: aRun('expired') },
];

function guestsAlike(change: (guest: DesiredVm) => DesiredVm): readonly DesiredVm[] {
  return Array.from({ length: 8 }, (_, index) =>
    change(aGuest({ vmid: 830 + index, name: `web-${index}`, key: `web-${index}` })),
  );
}

/** The context of a story. */
export function contextOf(story: Story): CardContext {
  return aContext(story.context);
}

function without(field: 'applied' | 'webUrl'): Partial<CardContext> {
  // Leaves the field out of what the builder fills in.
  return { [field]: undefined } as Partial<CardContext>;
}

function approval(by: typeof ada) {
  return { by, at: t0 + minute };
}

function at(plan: Plan, id: string, progress?: { readonly text: string; readonly fraction: number }): Run {
  const run = follow(aRun('applying', plan), ...stepsDone(plan, id), { type: 'step-started', id, at: t0 + 4 * minute });
  return progress === undefined ? run : follow(run, { type: 'progress', id, ...progress });
}

function output(id: string, line: string): RunEvent {
  return { type: 'output', id, line };
}

function failed(message: string, next = 'Look at it and plan again.', details: readonly string[] = []) {
  return { type: 'failed', failure: { message, next, details }, at: t0 + 5 * minute } as const;
}

function applied(plan: Plan, addresses: Readonly<Record<string, string>>): Run {
  return follow(aRun('applying', plan), ...stepsDone(plan), { type: 'applied', at: t0 + 5 * minute, addresses });
}

function failedPlanning(): Run {
  const details = Array.from({ length: 20 }, (_, index) => `nix line ${index + 1}`);
  return follow(
    aRun('planning'),
    failed('The flake could not be evaluated.', 'Correct the flake and push again.', details),
  );
}

function failedGuest(
  now: Pick<GuestNow, 'status' | 'imageHash' | 'unfinished'> = { status: 'running', unfinished: true },
): Run {
  const id = '822 restart';
  const lines = ['trying to acquire lock...', "TASK ERROR: can't lock file - got timeout"].map((line) =>
    output(id, line),
  );
  return follow(at(big, id), ...lines, {
    ...failed('The restart of VM 822 failed: VM quit/powerdown failed - got timeout.'),
    guestNow: { vmid: 822, name: 'test-worker', ...now },
  });
}

function cancelledAt(id: string): Run {
  const asked: RunEvent = { type: 'cancel-asked', by: ada };
  return follow(aRun('applying', big), asked, ...stepsDone(big, id), { type: 'cancelled', at: t0 + 3 * minute });
}

function movedRun(): Run {
  const goal = aGoal({ guests: [aGuest({ cores: 4 })] });
  const now: LiveGuest = aLiveGuest({ config: { memoryMb: 1024, digest: 'x' } });
  const plan = createPlan(goal, aState([now]));
  const moved = ['the configuration of test-website (823) changed'];
  return follow(aRun('planned', createPlan(goal, aState([aLiveGuest()]))), {
    ...{ type: 'planned', plan, at: t0 + minute, expiresAt: t0 + 24 * 60 * minute, needed: 1, clusterChanges: moved },
  });
}
