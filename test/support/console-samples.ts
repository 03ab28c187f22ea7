import type { Card, GuestRow, Mark } from '../../src/views/card.ts';
import type { Overview, SeenFleetGuest } from '../../src/views/overview.ts';

const marks: Readonly<Record<string, Mark>> = { destroy: '-', replace: '-/+', update: '~', create: '+' };
const approve = { action: 'approve', style: 'danger', runId: 'r-41', planId: 'p-7f3c2a' } as const;
const facts = [
  'port 8443/tcp opens',
  'user deploy joins wheel',
  'disk scsi0 moves local-lvm -> nvme-mirror',
  'NixOS 25.11 -> 26.05',
  'kernel 6.12.8 -> 6.18.2',
  'openssl 3.4.0 -> 3.5.1',
  'nginx 1.28.0 -> 1.29.1',
  'postgresql 17.2 -> 17.4',
  'service acme-renew.timer is new',
];

function row(action: string, name: string, vmid: number, more: Partial<GuestRow> = {}): GuestRow {
  return {
    guest: { name, vmid },
    action,
    mark: marks[action] ?? '!',
    image: 'build-qcow2-website',
    parts: ['image none -> iz52vpi6', '2 cores', '2048 MiB', '16 GiB on local-lvm', 'on pve2'],
    ...more,
  };
}

const created = Array.from({ length: 33 }, (_, index) =>
  row('create', `build-runner-${String(index + 1).padStart(2, '0')}`, 900 + index, { image: 'build-lxc-runner' }),
);

/** A plan with 40 guests: each action, one that is blocked, short changes and long ones. */
export const planOf40: Card = {
  tone: 'waiting',
  title: 'Plan: destroy 1, replace 2, update 3, create 33, 1 blocked',
  blocks: [
    {
      kind: 'text',
      rich: [
        { link: 'https://git.example.org/acme/fleet/commit/9b1f2ad', text: '9b1f2ad' },
        ' website: serve the new docs, open 8443',
      ],
    },
    {
      kind: 'small',
      rich: [
        'by Rowan on main of acme/fleet · ',
        { link: 'https://git.example.org/acme/fleet/compare/4d0c8e1...9b1f2ad', text: 'compare 4d0c8e1...9b1f2ad' },
      ],
    },
    { kind: 'divider' },
    { kind: 'warning', rich: [{ bold: 'Destroys test-legacy (818):' }, ' its disks are deleted.'] },
    {
      kind: 'guests',
      of: 'plan',
      rows: [
        row('destroy', 'test-legacy', 818, {
          parts: [
            'image 4vq1h0c2 -> none',
            'its disks are deleted',
            'scsi0 local-lvm:vm-818-disk-0 (16 GiB)',
            'scsi1 tank:vm-818-disk-1 (250 GiB)',
            'scsi2 tank:vm-818-disk-2, attached by hand (40 GiB)',
          ],
          keep: true,
        }),
        row('replace', 'test-website', 823, {
          parts: ['image 07lkakyp -> iz52vpi6', 'old root disk is kept', 'restarts once, about 20 s', ...facts],
        }),
        row('replace', 'test-worker', 822, { parts: ['image 07lkakyp -> iz52vpi6', 'old root disk is kept'] }),
        row('update', 'test-init', 820, { parts: ['memory 2048 -> 4096 MiB (restart)'] }),
        row('update', 'test-cp', 821, { parts: ['cores 2 -> 4 (restart)', 'tags web -> web edge'] }),
        row('update', 'test-metrics', 826, { parts: ['start at boot no -> yes'] }),
        row('replace, blocked', 'test-database', 824, {
          parts: ['image 88ab01cd -> 4vq1h0c2'],
          advice:
            'It would move the root disk of a container from tank to local-lvm, and Proxmox cannot while it runs. Stop it, or leave `storage` as it is.',
          keep: true,
        }),
        ...created,
      ],
    },
    {
      kind: 'small',
      rich: [
        'needs 1 approval · expires ',
        { time: Date.UTC(2030, 0, 1), show: 'relative' },
        ' · homelab · run ',
        { code: 'r-41' },
        ' · plan ',
        { code: 'p-7f3c2a' },
      ],
    },
  ],
  buttons: [
    { ...approve, label: 'Approve (destroys 1 guest)' },
    { ...approve, action: 'reject', label: 'Reject', style: 'plain' },
    { ...approve, action: 'details', label: 'Full plan', style: 'plain' },
  ],
  files: [{ name: 'plan.diff', title: 'Full plan', text: 'Plan p-7f3c2a of homelab\n'.repeat(90) }],
};

/** An apply in its middle. @param now milliseconds since the epoch */
export function applyOf9(now: number): Card {
  const apply = (action: string, name: string, vmid: number, more: Partial<GuestRow>): GuestRow => ({
    guest: { name, vmid },
    action,
    ...more,
  });
  return {
    tone: 'working',
    title: 'Applying: step 5 of 9, replace test-website (823)',
    blocks: [
      { kind: 'text', rich: [{ code: '9b1f2ad' }, ' website: serve the new docs, open 8443'] },
      { kind: 'small', rich: ['by Rowan on main of acme/fleet'] },
      { kind: 'divider' },
      {
        kind: 'guests',
        of: 'apply',
        rows: [
          { action: 'build', state: 'done', step: '3 images', note: '1 min 12 s' },
          { action: 'upload', state: 'done', step: '2 images', note: '48 s' },
          apply('destroy', 'test-legacy', 818, { state: 'done', note: '4.2 s' }),
          apply('update', 'test-init', 820, { state: 'failed', step: 'restarting' }),
          apply('replace', 'test-website', 823, {
            state: 'running',
            step: 'disk import 40 %',
            fraction: 0.4,
            note: '52 s',
            startedAt: now - 52_000,
          }),
          apply('replace', 'test-worker', 822, {
            state: 'running',
            step: 'health',
            note: '3 s',
            startedAt: now - 3000,
          }),
          ...['a', 'b', 'c'].map((letter, index) =>
            apply('create', `build-runner-${letter}`, 900 + index, { state: 'waiting' }),
          ),
        ],
      },
      { kind: 'progress', label: 'disk import of test-website (823)', fraction: 0.4, text: '812 MiB of 1.9 GiB' },
      {
        kind: 'small',
        rich: [
          'Approved by ',
          { person: { chat: 'console', id: 'owner', name: 'Ada' } },
          ' · run ',
          { code: 'r-41' },
          ' · plan ',
          { code: 'p-7f3c2a' },
        ],
      },
    ],
    buttons: [{ ...approve, action: 'cancel', label: 'Stop after this guest', style: 'plain' }],
    files: [],
  };
}

/** The same run when it is done. */
export const appliedCard: Card = {
  tone: 'good',
  title: 'Applied: destroyed 1, replaced 2, updated 1, created 1 in 3 min 41 s',
  blocks: [
    { kind: 'text', rich: [{ code: '9b1f2ad' }, ' website: serve the new docs, open 8443'] },
    {
      kind: 'guests',
      of: 'done',
      rows: [
        { guest: { name: 'test-legacy', vmid: 818 }, action: 'destroyed', note: '4.2 s' },
        { guest: { name: 'test-website', vmid: 823 }, action: 'replaced', note: '192.0.2.23, 52 s' },
        {
          guest: { name: 'a-guest-with-a-rather-long-name', vmid: 102_822 },
          action: 'replaced',
          note: '2001:db8:4242:1::822, 1 min 3 s',
        },
        { guest: { name: 'test-init', vmid: 820 }, action: 'updated', note: '192.0.2.20' },
      ],
    },
    {
      kind: 'small',
      rich: ['Approved by ', { person: { chat: 'console', id: 'owner', name: 'Ada' } }, ' · run ', { code: 'r-41' }],
    },
  ],
  buttons: [],
  files: [],
};

const hourMs = 3_600_000;
const gib = 1024 ** 3;

/** A fleet whose guests are in every state. @param now milliseconds since the epoch */
export function overviewOf7(now: number): Overview {
  const lastRun = {
    id: 'r-40',
    phase: 'applied',
    text: 'r-40 applied 4d0c8e1: update 2, in 52 s, approved by Ada',
    at: now - 26 * hourMs,
  } as const;
  const guest = (name: string, vmid: number, more: Partial<SeenFleetGuest> = {}): SeenFleetGuest => ({
    name,
    vmid,
    kind: 'vm',
    node: vmid % 2 === 0 ? 'pve1' : 'pve2',
    state: 'running',
    image: { hash: '07lkakyp4g8k2n6q0s4v8x1z5d9h3l7p', type: 'build-qcow2-website' },
    commit: {
      sha: '4d0c8e1b2f3a4d5c6b7a8f9e0d1c2b3a4f5e6d7c',
      at: now - 27 * hourMs,
      url: 'https://git.example.org/acme/fleet/commit/4d0c8e1',
    },
    address: `192.0.2.${vmid % 250}`,
    uptime: (vmid - 700) * 3600,
    lastRun,
    drift: { kind: 'none' },
    url: `https://pve1.example.net:8006/#v1:0:=qemu%2F${vmid}`,
    ...more,
  });
  const { image: _, commit: __, address: ___, uptime: ____, lastRun: _____, ...bare } = guest('test-worker', 822);
  return {
    reached: [
      { kind: 'Proxmox', name: 'pve1.example.net', state: 'well', lastAt: now - 4000 },
      {
        kind: 'Git',
        name: 'acme/fleet',
        state: 'failing',
        lastAt: now - 2 * hourMs,
        problem: 'The repository could not be fetched: the host key changed.',
      },
      { kind: 'Chat', name: 'console', state: 'well', lastAt: now - 60_000 },
      { kind: 'Chat', name: 'slack', state: 'unknown' },
    ],
    fleets: [
      {
        fleet: 'homelab',
        branch: 'main',
        open: [
          {
            id: 'r-41',
            phase: 'planned',
            text: 'r-41 planned 9b1f2ad: destroy 1, replace 2, update 3, create 33, 0 of 1 approvals',
            at: now - 300_000,
          },
        ],
        queue: ['r-42', 'of another fleet'],
        lastRun,
        cluster: {
          at: now - 4000,
          guests: [
            guest('test-legacy', 818, { image: { hash: '4vq1h0c2d8k3m7p1r5v9x2z6b0f4h8ln' } }),
            guest('test-init', 820),
            guest('test-cp', 821, { drift: { kind: 'drifted', run: 'r-39' } }),
            { ...bare, state: 'unfinished' },
            guest('test-website', 823, { address: '2001:db8:4242:1::823' }),
            guest('test-database', 824, { kind: 'container', state: 'paused' }),
            {
              ...bare,
              name: 'a-guest-with-a-rather-long-name',
              vmid: 102_826,
              state: 'stopped',
              drift: { kind: 'unknown' },
            },
          ],
          nodes: [
            {
              node: 'pve1',
              online: true,
              memory: { used: 41 * gib, total: 64 * gib },
              cpus: 16,
              uptime: 4_100_000,
              url: 'https://pve1.example.net:8006/#v1:0:=node%2Fpve1',
            },
            {
              node: 'pve2',
              online: true,
              memory: { used: 30.5 * gib, total: 32 * gib },
              cpus: 8,
              uptime: 90_000,
              url: 'https://pve1.example.net:8006/#v1:0:=node%2Fpve2',
            },
            { node: 'pve3', online: false, url: 'https://pve1.example.net:8006/#v1:0:=node%2Fpve3' },
          ],
          storages: [
            {
              storage: 'local',
              nodes: ['pve1'],
              type: 'dir',
              space: { used: 61 * gib, total: 94 * gib },
              url: 'https://pve1.example.net:8006/#v1:0:=storage%2Fpve1%2Flocal',
            },
            {
              storage: 'local-lvm',
              nodes: ['pve1'],
              type: 'lvmthin',
              space: { used: 740 * gib, total: 800 * gib },
              url: 'https://pve1.example.net:8006/#v1:0:=storage%2Fpve1%2Flocal-lvm',
            },
            {
              storage: 'tank',
              nodes: ['pve1', 'pve2', 'pve3'],
              type: 'nfs',
              space: { used: 2100 * gib, total: 7200 * gib },
              url: 'https://pve1.example.net:8006/#v1:0:=storage%2Fpve1%2Ftank',
            },
            {
              storage: 'local-lvm',
              nodes: ['pve3'],
              type: 'lvmthin',
              url: 'https://pve1.example.net:8006/#v1:0:=storage%2Fpve3%2Flocal-lvm',
            },
          ],
        },
      },
    ],
  };
}
