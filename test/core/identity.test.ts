import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareIds, type People, personId } from '../../src/core/identity.ts';

const id = fc
  .record({ chat: fc.constantFrom('console', 'discord', 'slack'), id: fc.constantFrom('1', '2', '3') })
  .map((who) => personId(who as Parameters<typeof personId>[0]));
const people = fc.dictionary(id, fc.constantFrom('ada', 'grace', 'constructor')).map((all): People => all);

describe('whether two people are one', () => {
  it('is the same seen from both sides, and nobody is two people', () => {
    fc.assert(
      fc.property(id, id, people, (one, other, known) => {
        expect(compareIds([one], [other], known)).toBe(compareIds([other], [one], known));
        expect(compareIds([one], [one], known)).toBe('same');
      }),
    );
  });

  it('is never told from nothing: different chats are different people only where PEOPLE says so', () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        const sameChat = one.split(':')[0] === other.split(':')[0];
        const expected = one === other ? 'same' : sameChat ? 'different' : 'unknown';
        expect(compareIds([one], [other], {})).toBe(expected);
      }),
    );
  });

  it('follows PEOPLE where both are named', () => {
    fc.assert(
      fc.property(id, id, people, (one, other, known) => {
        fc.pre(Object.hasOwn(known, one) && Object.hasOwn(known, other));
        expect(compareIds([one], [other], known)).toBe(known[one] === known[other] ? 'same' : 'different');
      }),
    );
  });

  it('lets no person count twice in a quorum, however the chats and PEOPLE are', () => {
    // Who a person really is: a name for each id, of which PEOPLE knows a part.
    const truth = fc.dictionary(id, fc.constantFrom('ada', 'grace'));
    fc.assert(
      fc.property(truth, fc.array(id), fc.func(fc.boolean()), (real, presses, isTold) => {
        const known = Object.fromEntries(Object.entries(real).filter(([one]) => isTold(one)));
        const counted: string[] = [];
        for (const press of presses) {
          if (counted.every((other) => compareIds([press], [other], known) === 'different')) counted.push(press);
        }
        const untold = counted.filter((one) => !Object.hasOwn(known, one));
        const names = counted.flatMap((one) => known[one] ?? []);
        expect(new Set(names).size).toBe(names.length);
        // Two that PEOPLE does not know are never of two chats.
        expect(new Set(untold.map((one) => one.split(':')[0])).size).toBeLessThanOrEqual(1);
      }),
    );
  });
});
