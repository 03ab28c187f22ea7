import type { Button, Card, PersonRef } from '../../../src/views/card.ts';

/** 23 Nov 2026, 09:56 UTC. */
const expires = 1_795_427_760_000;

export const alice: PersonRef = { chat: 'slack', id: 'U0ALICE001', name: 'alice' };

const ids = { runId: 'r-41', planId: 'p-7f3c2a' } as const;

const approve: Button = { ...ids, action: 'approve', label: 'Approve (destroys 1 guest)', style: 'danger' };

/** A plan that waits: it destroys, replaces, updates and creates. */
export const planCard: Card = {
  tone: 'waiting',
  title: 'Plan: destroy 1, replace 1, update 1, create 1',
  blocks: [
    {
      kind: 'text',
      rich: [
        { link: 'https://git.example.org/acme/fleet/commit/9b1f2ad', text: '9b1f2ad' },
        ' worker: bump kernel & <scale> *control* plane',
      ],
    },
    {
      kind: 'small',
      rich: [
        'by rowan on main, ',
        { link: 'https://git.example.org/acme/fleet/compare/4d0c8e1...9b1f2ad', text: 'compare' },
      ],
    },
    { kind: 'warning', rich: [{ bold: 'Destroys test-website (823): ' }, 'its disks are deleted.'] },
    {
      kind: 'lines',
      lines: [
        { mark: '-', text: 'test-website (823)  destroy  build-qcow2-website', keep: true },
        { mark: '-/+', text: 'test-worker  (822)  replace  build-qcow2-worker' },
        { mark: ' ', text: '  image 4vq1h0c2 -> q7w3n5zb' },
        { mark: '~', text: 'test-cp      (821)  update   memory 2048 -> 4096 MiB' },
        { mark: '+', text: 'test-init    (820)  create   build-qcow2-init' },
      ],
    },
    {
      kind: 'small',
      rich: [
        'homelab · approvals 0 of 1 · expires ',
        { time: expires, show: 'date-time' },
        ' · run ',
        { code: 'r-41' },
      ],
    },
  ],
  buttons: [
    approve,
    { ...ids, action: 'reject', label: 'Reject', style: 'plain' },
    { ...ids, action: 'details', label: 'Full plan', style: 'plain' },
  ],
  files: [{ name: 'plan.diff', title: 'Full plan', text: '- test-website (823)\n' }],
};

/** The same with nothing destroyed: the button asks. */
export const gentleCard: Card = {
  ...planCard,
  title: 'Plan: update 1',
  buttons: [
    {
      ...ids,
      action: 'approve',
      label: 'Approve',
      style: 'primary',
      confirm: { title: 'Apply plan p-7f3c2a?', text: 'It will update 1.', yes: 'Approve' },
    },
  ],
  files: [],
};

export const runningCard: Card = {
  tone: 'working',
  title: 'Applying: step 5 of 6, replace test-worker (822)',
  blocks: [
    { kind: 'text', rich: ['approved by ', { person: alice }] },
    { kind: 'progress', label: 'disk import', fraction: 0.42, text: '1.9 GiB of 4.5 GiB' },
    {
      kind: 'lines',
      lines: [{ text: 'done     build    2 images' }, { text: 'running  replace  test-worker  (822)' }],
    },
    { kind: 'divider' },
    { kind: 'small', rich: ['started ', { time: 1_795_341_480_000, show: 'relative' }] },
  ],
  buttons: [{ action: 'cancel', label: 'Stop after this guest', style: 'plain', runId: 'r-41' }],
  files: [],
};

export const doneCard: Card = {
  tone: 'good',
  title: 'Applied: destroyed 1, replaced 1, updated 1, created 1',
  blocks: [
    {
      kind: 'lines',
      lines: [{ text: 'destroyed  test-website (823)' }, { text: 'created    test-init    (820)  10.0.8.20' }],
    },
    { kind: 'small', rich: ['Approved by ', { person: alice }, ' · took 6 min 12 s'] },
  ],
  buttons: [],
  files: [{ name: 'apply.log', title: 'Log', text: 'line 1\nline 2\n' }],
};

export const quietCard: Card = {
  tone: 'quiet',
  title: 'In sync: 9b1f2ad changes nothing',
  blocks: [],
  buttons: [],
  files: [],
};
