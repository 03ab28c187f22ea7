import { describe, expect, it } from 'vitest';
import { creationMarker, hasCreationMarker, isMarker, stagingMarker, stagingOwner } from '../../src/core/tags.ts';

describe('the marks of guests that are not done', () => {
  it('come back from Proxmox with a line feed and are still known', () => {
    expect(stagingOwner(`${stagingMarker(823)}\n`)).toBe(823);
    expect(hasCreationMarker(823, [], `${creationMarker(823)}\n`)).toBe(true);
  });

  it('are those of one VM', () => {
    expect(hasCreationMarker(824, [], creationMarker(823))).toBe(false);
  });

  it('are of no use once a guest has tags', () => {
    expect(hasCreationMarker(823, ['prod'], creationMarker(823))).toBe(false);
  });

  it.each([
    '',
    'proxnix staging for guest ',
    'see: proxnix staging for guest 823',
    'proxnix staging for guest 823 and more',
  ])('are not seen in %j', (text) => {
    expect(stagingOwner(text)).toBeUndefined();
    expect(isMarker(text)).toBe(false);
  });

  it('are known for what no flake may write', () => {
    expect([stagingMarker(100), creationMarker(100), ` ${creationMarker(100)}\n`].map(isMarker)).toEqual([
      true,
      true,
      true,
    ]);
    expect(isMarker('a web server')).toBe(false);
  });
});
