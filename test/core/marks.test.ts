import { describe, expect, it } from 'vitest';
import { creationMark, isBeingMade, isMark, stagingMark, stagingOwner } from '../../src/core/marks.ts';

describe('the marks of guests that are not done', () => {
  it('come back from Proxmox with a line feed and are still known', () => {
    expect(stagingOwner(`${stagingMark(823)}\n`)).toBe(823);
    expect(isBeingMade(823, [], `${creationMark(823)}\n`)).toBe(true);
  });

  it('are those of one VM', () => {
    expect(isBeingMade(824, [], creationMark(823))).toBe(false);
  });

  it('are of no use once a guest has tags', () => {
    expect(isBeingMade(823, ['prod'], creationMark(823))).toBe(false);
  });

  it.each([
    '',
    'proxnix staging for guest ',
    'see: proxnix staging for guest 823',
    'proxnix staging for guest 823 and more',
  ])('are not seen in %j', (text) => {
    expect(stagingOwner(text)).toBeUndefined();
    expect(isMark(text)).toBe(false);
  });

  it('are known for what no flake may write', () => {
    expect([stagingMark(100), creationMark(100), ` ${creationMark(100)}\n`].map(isMark)).toEqual([true, true, true]);
    expect(isMark('a web server')).toBe(false);
  });
});
