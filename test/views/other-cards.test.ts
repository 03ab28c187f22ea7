import { describe, expect, it } from 'vitest';
import { commands } from '../../commands/index.ts';
import { confirmationFor } from '../../src/core/policy.ts';
import { collectedCard, type PowerEvent, powerCard } from '../../src/views/announcements.ts';
import {
  type GuestStatusRow,
  guestStatusCard,
  helpCard,
  historyCard,
  statusCard,
} from '../../src/views/answer-cards.ts';
import type { Card } from '../../src/views/card.ts';
import { confirmForm, type Form, rejectForm } from '../../src/views/forms.ts';
import { planCardOf } from '../../src/views/plan-card.ts';
import { endReply, expiryReply } from '../../src/views/run-card.ts';
import { aBigPlan, aGuest, aLiveGuest, aPlan, aRun, grace, t0 } from '../support/builders.ts';
import { cardText, formText } from './card-text.ts';
import { stories } from './stories.ts';

const guest: GuestStatusRow = {
  ...{ name: 'test-website', vmid: 823, node: 'pve1', status: 'running', pending: false, protected: false },
  ...{ imageHash: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', commit: '9b1f2ad0'.repeat(5), cores: 2, memoryMb: 2048 },
};
const unread: GuestStatusRow = {
  ...{ name: 'db', vmid: 824, node: 'pve2', status: 'unknown', pending: false, protected: false },
  ...{ imageHash: undefined, commit: undefined, cores: undefined, memoryMb: undefined },
};
const fleet = { fleet: 'homelab', guests: [guest], open: [], queue: [], lastRun: undefined, lock: undefined };
const lock = { reason: 'storage migration', by: grace, at: t0 };

describe('the status', () => {
  it.each<[string, Card]>([
    ['status', statusCard([{ ...fleet, lastRun: aRun('applied', aBigPlan()) }], t0)],
    [
      'status-busy',
      statusCard(
        [
          {
            ...{ fleet: 'homelab', guests: [guest, { ...unread, pending: true }, unread], lock },
            ...{ open: [aRun('planned')], queue: ['r-43', 'r-44', 'r-45'], lastRun: aRun('failed') },
          },
          { ...fleet, fleet: 'lab', guests: [], lastRun: aRun('applied', aPlan(), { startedAt: t0 - 3 * 86_400_000 }) },
        ],
        t0,
      ),
    ],
    ['status-guest', guestStatusCard(guest)],
    ['status-guest-paused', guestStatusCard({ ...guest, paused: 'io-error' })],
    ['status-paused', statusCard([{ ...fleet, guests: [guest, { ...guest, paused: 'io-error' }] }], t0)],
    ['status-guest-unread', guestStatusCard({ ...unread, pending: true })],
  ])('reads as in expected/%s.txt', async (name, card) => {
    await expect(cardText(card)).toMatchFileSnapshot(`expected/${name}.txt`);
  });
});

describe('the history', () => {
  it('reads as in expected/history.txt, in every phase', async () => {
    const ended = stories.filter(({ name }) =>
      /^(in-sync|applied|failed|cancelled|interrupted|rejected|superseded|expired|plan-big|plan-partly-approved|applying-import|queued|blocked|planning-images)$/.test(
        name,
      ),
    );
    await expect(cardText(historyCard(ended.map(({ run }) => run)))).toMatchFileSnapshot('expected/history.txt');
  });

  it('says that there is none', () => {
    expect(historyCard([]).title).toBe('History: no run yet');
  });
});

describe('the help', () => {
  it('reads as in expected/help.txt', async () => {
    await expect(cardText(helpCard(commands))).toMatchFileSnapshot('expected/help.txt');
  });
});

describe('what was collected', () => {
  const disk = { volid: 'local-lvm:vm-823-disk-0', imageHash: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', sizeMb: 20_480 };
  const image = { volid: `local:import/proxnix-${disk.imageHash}.qcow2`, hash: disk.imageHash, size: 2 ** 31 };

  it('reads as in expected/collected.txt', async () => {
    const disks = [{ name: 'test-website', vmid: 823, disks: [disk, { volid: 'local-lvm:vm-823-disk-1' }] }];
    await expect(cardText(collectedCard({ disks, images: [image], roots: 1 }))).toMatchFileSnapshot(
      'expected/collected.txt',
    );
  });

  it('names only what there was', () => {
    expect(collectedCard({ disks: [], images: [image], roots: 0 })).toMatchObject({ title: 'Deleted: 1 image file' });
  });
});

describe('a guest that stopped', () => {
  const failure = { message: 'The start of VM 823 failed: out of memory.', details: [] };
  it.each<PowerEvent>([
    { kind: 'started' },
    { kind: 'report' },
    { kind: 'locked', lock },
    { kind: 'pending' },
    { kind: 'often', starts: 3 },
    { kind: 'failed', failure },
  ])('reads as in expected/power-$kind.txt', async (event) => {
    await expect(cardText(powerCard(guest, event))).toMatchFileSnapshot(`expected/power-${event.kind}.txt`);
  });
});

describe('the forms', () => {
  const old = (many: number) =>
    Array.from({ length: many }, (_, index) => aLiveGuest({}, aGuest({ vmid: 830 + index, name: `old-${index}` })));
  const confirm = (guests: number, kept: number, maxDestroy?: number): Form => {
    const run = aRun('planned', aPlan({ guests: kept === 0 ? [] : [aGuest()] }, old(guests)));
    return confirmForm(run, confirmationFor(run.plan, { maxDestroy }) ?? 'nothing');
  };

  it.each<[string, Form]>([
    ['form-confirm', confirm(1, 1)],
    ['form-confirm-two', confirm(2, 1, 5)],
    ['form-confirm-many', confirm(3, 1)],
    ['form-confirm-nothing-wanted', confirm(1, 0)],
    ['form-reject', rejectForm(aRun('planned'))],
    ['form-ignore', rejectForm(aRun('planned', aPlan(), { trigger: { kind: 'drift' } }))],
  ])('read as in expected/%s.txt', async (name, form) => {
    await expect(formText(form)).toMatchFileSnapshot(`expected/${name}.txt`);
  });
});

describe('what is said in the thread', () => {
  it('reads as in expected/replies.txt when an apply has ended', async () => {
    const ends = stories.flatMap(({ name, run }) => {
      const card = endReply(run);
      return card === undefined ? [] : [`# ${name}`, cardText(card)];
    });
    await expect(ends.join('\n')).toMatchFileSnapshot('expected/replies.txt');
  });

  it('is nothing for a run that changed nothing', () => {
    const silent = ['planning', 'planned', 'queued', 'applying', 'in-sync', 'blocked', 'rejected', 'expired'] as const;
    expect(silent.map((phase) => endReply(aRun(phase)))).toEqual(silent.map(() => undefined));
    expect(endReply(aRun('failed'))).toBeUndefined();
  });

  it('reads as in expected/reply-expiry.txt before a plan expires', async () => {
    await expect(cardText(expiryReply(aRun('planned')))).toMatchFileSnapshot('expected/reply-expiry.txt');
  });
});

describe('the plan that somebody asks for', () => {
  it('is shown in full for every run that has one', () => {
    const having = stories.filter(({ run }) => planCardOf(run) !== undefined).map(({ run }) => run.phase);
    expect(new Set(having)).toEqual(
      new Set([
        ...(['planned', 'blocked', 'queued', 'applying', 'applied', 'failed', 'cancelled', 'interrupted'] as const),
        ...(['rejected', 'superseded', 'expired'] as const),
      ]),
    );
    expect(planCardOf(aRun('planning'))).toBeUndefined();
    expect(planCardOf(aRun('planned'))?.title).toMatch(/^Full plan p-[0-9a-f]{6} of run r-41$/);
    expect(planCardOf(aRun('planned'))?.buttons).toEqual([]);
  });
});
