import { describe, expect, it } from 'vitest';
import { type AccessChange, diffFacts } from '../../src/core/facts-difference.ts';
import { imageHash } from '../../src/core/guest.ts';
import type { ImageFacts } from '../../src/core/image-facts.ts';
import type { NewImage, Review } from '../../src/core/review.ts';
import { plainText } from '../../src/views/card.ts';
import { accessWarnings, insideBlocks, insideText } from '../../src/views/inside.ts';
import { aGuest, aLiveGuest, anImage, aPlan } from '../support/builders.ts';
import { nobody, someFacts } from '../support/facts.ts';

const plan = aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest()]);
const pair = { from: imageHash(anImage()), to: imageHash(anImage('b')) };
const none = { access: [], changes: [], packages: { changed: [], all: 0 }, unknown: [] };
const reviewed = (images: Review['images']): Review => ({ images: images ?? [] });
const warningsOf = (review: Review) =>
  accessWarnings(plan, review).map((block) => ('rich' in block ? plainText(block.rich) : ''));
const cardLines = (review: Review | undefined) =>
  insideBlocks(plan, review).flatMap((block) => ('lines' in block ? block.lines.map(({ text }) => text) : []));

describe('what changes inside of an image', () => {
  it.each([
    [{ what: 'user', change: 'added', user: 'ops' }, 'user ops is new'],
    [{ what: 'user', change: 'removed', user: 'ops' }, 'user ops is gone'],
    [{ what: 'wheel', change: 'added', user: 'ops' }, 'user ops joins wheel'],
    [{ what: 'wheel', change: 'removed', user: 'ops' }, 'user ops leaves wheel'],
    [{ what: 'password', change: 'added', user: 'ops' }, 'user ops gets a password'],
    [{ what: 'password', change: 'removed', user: 'ops' }, 'user ops has no password any more'],
    [{ what: 'key', change: 'added', user: 'ops', key: 'a@b' }, 'user ops gets the key a@b'],
    [{ what: 'key', change: 'removed', user: 'ops', key: 'a@b' }, 'user ops loses the key a@b'],
    [{ what: 'key', change: 'changed', user: 'ops', key: 'a@b' }, 'the key a@b of user ops is another one'],
    [{ what: 'key-files', user: 'ops', from: 1, to: 2 }, 'the key files of user ops change (1 -> 2)'],
    [{ what: 'firewall', change: 'off' }, 'the firewall is turned off, every port is open'],
    [{ what: 'port', change: 'added', protocol: 'tcp', from: 8080, to: 8080 }, 'TCP port 8080 opens'],
    [{ what: 'port', change: 'removed', protocol: 'udp', from: 1, to: 9, on: 'eth1' }, 'UDP ports 1-9 close on eth1'],
    [{ what: 'trusted', change: 'added', on: 'eth1' }, 'every port opens on eth1'],
    [{ what: 'trusted', change: 'removed', on: 'eth1' }, 'eth1 is no longer open as a whole'],
    [{ what: 'untold', fact: 'users' }, 'users and their keys are not told any more'],
  ] satisfies [AccessChange, string][])('is a warning where it concerns access: %j', (change, text) => {
    const review = reviewed([{ ...pair, difference: { ...none, access: [change] } }]);
    expect(warningsOf(review)).toEqual([`Access to test-website (823): ${text}.`]);
    expect(insideText(plan, review)).toContain(`  ${text}`);
  });

  it('is one sentence on the card, with eight packages, and whole in the full plan', () => {
    const packages = Array.from({ length: 12 }, (_, index) => `p${index}-2`);
    const after: ImageFacts = { ...someFacts, hosts: ['example.org'], packages };
    const difference = diffFacts(someFacts, after);
    const review = reviewed([{ ...pair, difference }]);
    const lines = cardLines(review);
    expect(lines.slice(0, 3)).toEqual([
      'Inside test-website (823)',
      '  host example.org is new',
      '  openssh 9.9p2 is gone',
    ]);
    expect(lines.at(-1)).toBe('  5 more packages');
    expect(lines).toHaveLength(11);
    for (const { name } of difference.packages.changed) {
      expect(insideText(plan, review).some((line) => line.startsWith(`  ${name} `))).toBe(true);
    }
  });

  it('is told of all guests at once where it is the same', () => {
    const guests = [823, 824].map((vmid) => aGuest({ vmid, name: `web-${vmid}`, image: anImage('b') }));
    const both = aPlan(
      { guests },
      guests.map((guest) => aLiveGuest({}, { ...guest, image: anImage() })),
    );
    const difference = { ...none, access: [{ what: 'wheel', change: 'added', user: 'ops' } as const] };
    const [warning, ...more] = accessWarnings(both, reviewed([{ ...pair, difference }]));
    expect(warning).toMatchObject({
      rich: [{ bold: 'Access to web-823 (823), web-824 (824): ' }, 'user ops joins wheel.'],
    });
    expect(more).toEqual([]);
  });

  it('is said to be unknown, never to be nothing', () => {
    expect(cardLines(reviewed([{ ...pair, notKnown: 'from' }])).join(' ')).toContain(
      'nothing is known of the running image',
    );
    expect(cardLines(reviewed([{ ...pair, notKnown: 'to' }])).join(' ')).toContain('nothing is known of the new image');
    expect(warningsOf(reviewed([{ ...pair, notKnown: 'from' }]))).toEqual([]);
    expect(warningsOf(reviewed([{ ...pair, notKnown: 'to' }]))).toEqual([
      'Access to test-website (823): who gets in, and which ports are open, is not told of the new image.',
    ]);
    expect(cardLines(reviewed([])).join(' ')).toContain('were not compared');
    const unknown = { ...none, unknown: ['users'] as const };
    expect(cardLines(reviewed([{ ...pair, difference: unknown }]))).toContain(
      '  not known of both images: users and their keys',
    );
    expect(cardLines(reviewed([{ ...pair, difference: none }]))).toContain(
      '  no user, port, service or package changes',
    );
    expect(cardLines(undefined), 'a run of an earlier version').toEqual([]);
  });

  describe('of a new guest', () => {
    const guests = [801, 802].map((vmid) => aGuest({ vmid, name: `web-${vmid}` }));
    const created = aPlan({ guests });
    const image = imageHash(anImage());
    const told = (facts?: NewImage['facts'], on = created) => {
      const review = { newImages: [facts === undefined ? { image } : { image, facts }] };
      const card = [...accessWarnings(on, review), ...insideBlocks(on, review)];
      const text = card.flatMap((block) =>
        'rich' in block ? [plainText(block.rich)] : 'lines' in block ? block.lines.map((line) => line.text) : [],
      );
      return { card: text.join(' ').replaceAll(/\s+/g, ' '), file: insideText(on, review) };
    };
    const key = { name: 'ada', digest: '1' };
    const port = { protocol: 'tcp', from: 22, to: 22 } as const;

    it.each<[NewImage['facts'], string]>([
      [{}, 'who may log in is not known; which ports are open is not known'],
      [
        { users: [{ ...nobody, name: 'root' }], firewall: { on: false, ports: [], trusted: [] } },
        'no user has a key or a password; the firewall is off, every port is open',
      ],
      [
        {
          users: [
            { ...nobody, name: 'root', password: true },
            { ...nobody, name: 'ops', wheel: true, keys: [key, key], keyFiles: ['x'] },
          ],
          firewall: { on: true, ports: [], trusted: [] },
        },
        'root (a password), ops (2 keys, 1 key file, wheel) may log in; no port is open',
      ],
      [
        {
          users: [],
          firewall: { on: true, ports: [port, { protocol: 'udp', from: 1, to: 9, on: 'eth1' }], trusted: ['wg0'] },
        },
        'no user has a key or a password; open: TCP 22, UDP 1-9 on eth1, every port on wg0',
      ],
    ])('is who may log in and what is open, told once for all that it is the same for: %#', (facts, said) => {
      expect(told(facts).card).toBe(`Access to web-801 (801), web-802 (802): ${said}.`);
    });

    it('is cut on the card alone', () => {
      const users = Array.from({ length: 10 }, (_, index) => ({ ...nobody, name: `u${index}`, password: true }));
      const ports = users.map((_, index) => ({ ...port, from: index, to: index }));
      const { card, file } = told({ users, firewall: { on: true, ports, trusted: [] } });
      expect(card).toContain('u7 (a password), 2 more users may log in');
      expect(card).toContain('TCP 7, 2 more ports.');
      expect(file.join(' ').replaceAll(/\s+/g, ' ')).toMatch(/u9 \(a password\) may.* TCP 9$/);
    });

    it('is said to be unknown, and is no matter of a guest that is there', () => {
      expect(told().card).toBe(
        'Access to web-801 (801), web-802 (802): who gets in, and which ports are open, is not told of the new image.',
      );
      expect(
        told(
          {},
          aPlan(
            { guests },
            guests.map((guest) => aLiveGuest({}, guest)),
          ),
        ),
      ).toEqual({ card: '', file: [] });
    });
  });

  it('cannot begin a line of its own with a name of the flake', () => {
    const access = [{ what: 'user', change: 'added', user: 'ops\n- nothing' } as const];
    const review = reviewed([{ ...pair, difference: { ...none, access } }]);
    expect(insideText(plan, review)).toContain('  user ops - nothing is new');
    expect(warningsOf(review).join()).not.toContain('\n');
  });
});
