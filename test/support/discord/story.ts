import type { Block, Card } from '../../../src/views/card.ts';

const sha = '9b1f2ad0c4e85d7f3a6b1928e7d4f05c3b2a1968';
const base = 'https://git.example.org/acme/fleet';

const head: readonly Block[] = [
  {
    kind: 'text',
    rich: [{ link: `${base}/commit/${sha}`, text: '9b1f2ad' }, ' worker: bump kernel, scale control plane'],
  },
  {
    kind: 'small',
    rich: ['by rowan on main of acme/fleet · ', { link: `${base}/compare/4d0c8e1...9b1f2ad`, text: 'compare' }],
  },
  { kind: 'divider' },
];
const ids = [' · run ', { code: 'r-41' }, ' · plan ', { code: 'p-7f3c2a' }] as const;
const approved: Block = {
  kind: 'small',
  rich: [
    'Approved by ',
    { person: { chat: 'discord', id: '500000000000000001', name: 'Rowan' } },
    ' at ',
    { time: 1_795_341_480_000, show: 'time' },
    ...ids,
  ],
};
const plan = { runId: 'r-41', planId: 'p-7f3c2a' } as const;

export const planCard: Card = {
  tone: 'waiting',
  title: 'Plan: destroy 1, replace 1, update 1, create 1',
  blocks: [
    ...head,
    {
      kind: 'warning',
      rich: [{ bold: 'Destroys test-website (823):' }, ' its disks are deleted. Approving asks for its name.'],
    },
    {
      kind: 'lines',
      lines: [
        { text: 'test-website (823)  destroy  build-qcow2-website', mark: '-', keep: true },
        { text: '  image 8k2m9x1d -> none, its disks are deleted', mark: ' ', keep: true },
        { text: 'test-worker  (822)  replace  build-qcow2-worker', mark: '-/+' },
        { text: '  image 4vq1h0c2 -> q7w3n5zb, old root disk is kept', mark: ' ' },
        { text: 'test-cp      (821)  update   build-qcow2-cp', mark: '~' },
        { text: '  cores 2 -> 4, memory 2048 -> 4096 MiB (restart)', mark: ' ' },
        { text: 'test-init    (820)  create   build-qcow2-init', mark: '+' },
        { text: '  image none -> 77aa01bc, 2 cores, 2048 MiB, 10 GiB', mark: ' ' },
      ],
    },
    {
      kind: 'small',
      rich: [
        'homelab · approvals 0 of 1 (deployers) · expires ',
        { time: 1_795_427_760_000, show: 'date-time' },
        ' (',
        { time: 1_795_427_760_000, show: 'relative' },
        ')',
        ...ids,
      ],
    },
  ],
  buttons: [
    { action: 'approve', label: 'Approve (destroys 1 guest)', style: 'danger', ...plan },
    { action: 'reject', label: 'Reject', style: 'plain', ...plan },
    { action: 'details', label: 'Full plan', style: 'plain', ...plan },
  ],
  files: [{ name: 'plan.diff', title: 'The whole plan', text: '-   test-website (823)  destroy\n' }],
};

export const applyingCard: Card = {
  tone: 'working',
  title: 'Applying: step 5 of 6, replace test-worker (822)',
  blocks: [
    ...head,
    {
      kind: 'lines',
      lines: [
        { text: 'done     build    2 images, 31 derivations   3 min 41 s' },
        { text: 'running  replace  test-worker  (822)  disk import 42 %' },
        { text: 'waiting  destroy  test-website (823)' },
      ],
    },
    { kind: 'progress', label: 'disk import', fraction: 0.42, text: '812 MiB of 1.9 GiB' },
    approved,
  ],
  buttons: [{ action: 'cancel', label: 'Stop after this guest', style: 'plain', ...plan }],
  files: [],
};

export const appliedCard: Card = {
  tone: 'good',
  title: 'Applied: destroyed 1, replaced 1, updated 1, created 1',
  blocks: [
    ...head,
    {
      kind: 'lines',
      lines: [
        { text: 'destroyed  test-website (823)' },
        { text: 'replaced   test-worker  (822)  10.0.8.22' },
        { text: `all   proxnix` },
        { text: `      commit-${sha}` },
      ],
    },
    approved,
  ],
  buttons: [],
  files: [],
};

export const failedCard: Card = {
  tone: 'bad',
  title: 'Failed, rolled back: step 5 of 6, replace test-worker (822)',
  blocks: [
    ...head,
    {
      kind: 'warning',
      rich: [
        { bold: 'Failed, rolled back:' },
        ' test-worker (822) did not become healthy on image ',
        { code: 'q7w3n5zb' },
      ],
    },
    { kind: 'lines', lines: [{ text: 'health     tcp 22: refused, 24 tries in 120 s' }] },
    approved,
  ],
  buttons: [{ action: 'plan-again', label: 'Plan again', style: 'primary', ...plan }],
  files: [{ name: 'apply.log', title: 'The log', text: 'health     tcp 22: refused\n' }],
};
