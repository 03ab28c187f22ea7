import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adoptedTags,
  finalTags,
  pendingTags,
  readTags,
  sameTags,
  splitTags,
  updatingTags,
  writeTags,
} from '../../src/core/tags.ts';

const hash = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const commit = '9b1f2ad0'.repeat(5);

/** Tags that other people may set: what Proxmox allows, without what proxnix takes for its own. */
const foreign = fc
  .stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_+.-]{0,12}$/)
  .filter((tag) => !/^(?:proxnix(?:-pending)?$|(?:nix|commit|fleet)-)/i.test(tag));
const base32 = fc.string({
  unit: fc.constantFrom(...'0123456789abcdfghijklmnpqrsvwxyz'.split('')),
  minLength: 32,
  maxLength: 32,
});
const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 40, maxLength: 40 });
const foreigners = fc.uniqueArray(foreign, { maxLength: 5 });

describe('tags', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        foreigners,
        base32,
        hex,
        fc.option(
          foreign.map((tag) => tag.toLowerCase()),
          { nil: undefined },
        ),
        fc.boolean(),
        (others, imageHash, sha, fleet, pending) => {
          const tags = {
            ours: true,
            pending,
            foreign: others,
            imageHash,
            commit: sha,
            ...(fleet === undefined ? {} : { fleet }),
          };
          expect(readTags([writeTags(tags)])).toEqual(tags);
        },
      ),
    );
  });

  it('of other people keep their case and order, whatever stands between them', () => {
    const before = ['Web', 'proxnix', 'DB', `nix-${hash}`, 'web', 'a'];
    expect(updatingTags(before)).toBe(`Web;DB;web;a;nix-${hash};proxnix;proxnix-pending`);
    expect(pendingTags(before)).toBe('Web;DB;web;a;proxnix;proxnix-pending');
    expect(finalTags(before, { imageHash: hash, commit })).toBe(`Web;DB;web;a;commit-${commit};nix-${hash};proxnix`);
    expect(adoptedTags(['Web', 'DB'], 'lab')).toBe('Web;DB;proxnix;fleet-lab');
  });

  it('are the same in any case and order', () => {
    expect(sameTags(['Web', 'proxnix'], ['PROXNIX', 'web'])).toBe(true);
    expect(sameTags(['Web', 'proxnix'], ['proxnix'])).toBe(false);
  });

  it('mean the same in any order, case and with any separator', () => {
    const mixed = fc
      .tuple(foreigners, base32, fc.constantFrom(';', ',', ' ', '; '), fc.boolean())
      .chain(([others, one, separator, upper]) => {
        const all = [...others, 'proxnix', `nix-${one}`];
        return fc.record({
          all: fc.constant(all),
          typed: fc
            .shuffledSubarray(all, { minLength: all.length })
            .map((tags) => (upper ? tags.map((tag) => tag.toUpperCase()) : tags).join(separator)),
        });
      });
    fc.assert(
      fc.property(mixed, ({ all, typed }) => {
        expect(sameTags(splitTags(typed), all)).toBe(true);
        const { foreign: others, ...ours } = readTags([typed]);
        expect({ ...ours, foreign: [] }).toEqual({ ...readTags(all), foreign: [] });
        expect(sameTags(others, readTags(all).foreign)).toBe(true);
      }),
    );
  });

  it('of other people survive every write', () => {
    fc.assert(
      fc.property(foreigners, base32, hex, (others, imageHash, sha) => {
        const before = [...others, 'proxnix'];
        const written = [
          finalTags(before, { imageHash, commit: sha }),
          pendingTags(before, 'lab'),
          updatingTags(before),
        ];
        for (const tags of written) expect(readTags([tags]).foreign).toEqual(others);
      }),
    );
  });

  it('written by the Rust daemon are recognised', () => {
    expect(readTags(['proxnix', `nix-${hash}`, `commit-${commit}`])).toEqual({
      ours: true,
      pending: false,
      imageHash: hash,
      commit,
      foreign: [],
    });
  });

  it('are final only with the image and the commit, and with the fleet where there are several', () => {
    expect(finalTags([], { imageHash: hash, commit })).toBe(`commit-${commit};nix-${hash};proxnix`);
    expect(finalTags(['prod'], { imageHash: hash, commit, fleet: 'Lab' })).toBe(
      `prod;commit-${commit};fleet-lab;nix-${hash};proxnix`,
    );
  });

  it('of a guest whose work begins say nothing of its image', () => {
    expect(pendingTags(['proxnix', `nix-${hash}`, `commit-${commit}`, 'prod'])).toBe('prod;proxnix;proxnix-pending');
    expect(pendingTags([], 'lab')).toBe('fleet-lab;proxnix;proxnix-pending');
  });

  it('of a guest that is changed in place keep what its disk holds', () => {
    expect(updatingTags(['proxnix', `nix-${hash}`, `commit-${commit}`])).toBe(
      `commit-${commit};nix-${hash};proxnix;proxnix-pending`,
    );
  });

  it('replace all older tags of ours, however many somebody left', () => {
    const before = [
      'proxnix',
      `nix-${'b'.repeat(32)}`,
      `nix-${'c'.repeat(32)}`,
      'commit-1234567',
      'fleet-x',
      'proxnix-pending',
    ];
    expect(finalTags(before, { imageHash: hash, commit })).toBe(`commit-${commit};nix-${hash};proxnix`);
  });

  it.each([
    ['a letter that Nix does not use', `nix-${'e'.repeat(32)}`],
    ['a hash too short', `nix-${'a'.repeat(31)}`],
    ['a hash too long', `nix-${'a'.repeat(33)}`],
    ['a commit that is no hex', 'commit-xyzxyzx'],
    ['another word that begins alike', 'proxnix2'],
  ])('are not ours for %s', (_, tag) => {
    expect(readTags(['proxnix', tag]).foreign).toEqual([tag]);
    expect(readTags([tag]).ours).toBe(false);
  });

  it('of a guest that is not ours are all foreign', () => {
    expect(readTags([`nix-${hash}`, 'prod'])).toMatchObject({ ours: false, foreign: [`nix-${hash}`, 'prod'] });
  });

  it('are none for what Proxmox stores when they are deleted', () => {
    expect(splitTags(' ')).toEqual([]);
    expect(splitTags('')).toEqual([]);
  });
});
