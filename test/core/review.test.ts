import { describe, expect, it } from 'vitest';
import { unreadFiles } from '../../src/core/review.ts';
import { aGuest, aLiveGuest, anImage, aPlan } from '../support/builders.ts';

describe('the hint that images read the whole repository', () => {
  const [one, two] = [
    aGuest({ vmid: 821, key: 'a', name: 'a', imageType: 'a', image: anImage('a', 'vm', 'a') }),
    aGuest({ vmid: 822, key: 'b', name: 'b', imageType: 'b', image: anImage('b', 'vm', 'b') }),
  ];
  const other = 'nix-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz';
  const replaced = aPlan(
    { guests: [one, two] },
    [821, 822].map((vmid) => aLiveGuest({ vmid, tags: ['proxnix', other] })),
  );

  it('names the files where every image changed and none of them should read a file', () => {
    expect(unreadFiles(replaced, ['README.md', 'docs/how.nix', '.github/workflows/a.yml'])).toEqual([
      'README.md',
      'docs/how.nix',
      '.github/workflows/a.yml',
    ]);
  });

  it('names a long path in short', () => {
    const [file = ''] = unreadFiles(replaced, [`docs/${'x'.repeat(4000)}.md`]);
    expect(file).toMatch(/^docs\/x+…$/);
    expect(Buffer.byteLength(file)).toBeLessThanOrEqual(100);
  });

  it.each([['vms.nix'], ['flake.lock'], ['web/index.html']])('is not given where %s changed as well', (file) => {
    expect(unreadFiles(replaced, ['README.md', file])).toEqual([]);
  });

  it('is not given for one image, nor where a guest keeps its image', () => {
    const alone = aPlan({ guests: [one] }, [aLiveGuest({ vmid: 821, tags: ['proxnix', other] })]);
    expect(alone.changes[0]?.action).toBe('replace');
    expect(unreadFiles(alone, ['README.md'])).toEqual([]);
    const part = aPlan({ guests: [one, two] }, [aLiveGuest({ vmid: 821, tags: ['proxnix', other] })]);
    expect(unreadFiles(part, ['README.md'])).toEqual([]);
  });
});
