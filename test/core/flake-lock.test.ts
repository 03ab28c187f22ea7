import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedInputs } from '../../src/core/flake-lock.ts';

const [old, young] = ['96afa93'.padEnd(40, '0'), '13f3f2e'.padEnd(40, '0')];

/** A lock file of a flake with `nixpkgs` and `home-manager`, whose own nixpkgs follows the flake's. */
function aLock(rev: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    version: 7,
    root: 'root',
    nodes: {
      root: { inputs: { nixpkgs: 'nixpkgs', 'home-manager': 'home-manager', ...more } },
      nixpkgs: { locked: { type: 'github', rev, lastModified: rev === old ? 1_750_000_000 : 1_752_000_000 } },
      'home-manager': { inputs: { nixpkgs: ['nixpkgs'], flakes: 'flakes' }, locked: { type: 'github', rev: old } },
      flakes: { locked: { type: 'tarball', narHash: `sha256-${rev}` } },
      extra: { locked: { type: 'github', rev: young } },
    },
  });
}

describe('the changed inputs of a flake', () => {
  it('have their commits and ages, those of the flake first', () => {
    expect(changedInputs(aLock(old), aLock(young))).toEqual([
      {
        name: 'nixpkgs',
        from: { rev: '96afa93', at: 1_750_000_000_000 },
        to: { rev: '13f3f2e', at: 1_752_000_000_000 },
      },
      { name: 'home-manager/flakes', from: { rev: '96afa93' }, to: { rev: '13f3f2e' } },
    ]);
  });

  it('are added without what was before, and removed without what comes', () => {
    expect(changedInputs(aLock(old), aLock(old, { extra: 'extra' }))).toEqual([
      { name: 'extra', to: { rev: '13f3f2e' } },
    ]);
    expect(changedInputs(aLock(old, { extra: 'extra' }), aLock(old))).toEqual([
      { name: 'extra', from: { rev: '13f3f2e' } },
    ]);
    expect(changedInputs(undefined, aLock(old)).map(({ name }) => name)).toEqual([
      'nixpkgs',
      'home-manager',
      'home-manager/flakes',
    ]);
  });

  it('are none of the same file, of a merge conflict, and of a file that nests deep or in a circle', () => {
    const circle = JSON.stringify({ version: 7, root: 'root', nodes: { root: { inputs: { root: 'root' } } } });
    expect(changedInputs(aLock(old), aLock(old))).toEqual([]);
    expect(changedInputs(aLock(old), '<<<<<<< HEAD')).toEqual([]);
    expect(changedInputs(aLock(old), '['.repeat(100_000))).toEqual([]);
    expect(changedInputs(circle, circle)).toEqual([]);
  });

  it('are limited in number and length, whatever the file says', () => {
    const lock = fc.dictionary(fc.string({ maxLength: 200 }), fc.string({ maxLength: 200 }), { maxKeys: 300 });
    fc.assert(
      fc.property(lock, (names) => {
        const inputs = Object.fromEntries(Object.keys(names).map((name) => [name, name]));
        const nodes = Object.fromEntries(Object.entries(names).map(([name, rev]) => [name, { locked: { rev } }]));
        const text = JSON.stringify({ version: 7, root: '#root', nodes: { ...nodes, '#root': { inputs } } });
        const changed = changedInputs(undefined, text);
        expect(changed.length).toBeLessThanOrEqual(200);
        for (const { name, to } of changed) {
          expect(name.length).toBeLessThanOrEqual(60);
          expect(to?.rev.length).toBeLessThanOrEqual(7);
        }
      }),
    );
  });
});
