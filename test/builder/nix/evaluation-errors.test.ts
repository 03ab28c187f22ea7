import { describe, expect, it } from 'vitest';
import { readEvaluationFailure } from '../../../src/builder/nix/evaluation-errors.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { recordedErrors } from './recorded.ts';

function failureOf(lines: readonly string[]) {
  return readEvaluationFailure(lines.flatMap((line) => parseLine(line) ?? []));
}

/** What each class says in every version: its text, the image it names, its place. */
const expected: Readonly<Record<string, { text: RegExp; image?: string; place?: string; next?: RegExp }>> = {
  throw: { text: /^the database needs a password file$/, image: 'db' },
  'failed assertion': { text: /^assertion '\(1 == 2\)' failed$/, image: 'db', place: 'flake.nix:15:14' },
  'type error': { text: /^cannot add a string to an integer$/, image: 'db', place: 'flake.nix:15:49' },
  'missing attribute': { text: /^attribute 'nowhere' missing$/, image: 'db', place: 'flake.nix:15:47' },
  'missing file': { text: /^getting status of 'images\/absent\.conf': No such file or directory$/, image: 'db' },
  abort: { text: /^evaluation aborted with the following error message: 'stop here'$/, image: 'db' },
  'infinite recursion': { text: /^infinite recursion encountered$/, image: 'db', place: 'flake.nix:15:22' },
  'stack overflow': { text: /^stack overflow \(possible infinite recursion\)$/ },
  'import from derivation forbidden': {
    text: /'allow-import-from-derivation' is disabled$/,
    image: 'web',
    next: /before anyone approved/,
  },
  'syntax error in flake.nix': { text: /^syntax error, unexpected '}', expecting ';'$/, place: 'flake.nix:15:36' },
  'no output proxnix': { text: /^the flake has no output named proxnix$/, next: /Give the flake an output proxnix/ },
  'commit not in the ref': { text: /^Cannot find Git revision '2e01ff44/ },
  'reference without a rev': { text: /^cannot call 'getFlake' on unlocked flake reference/, next: /nix flake lock/ },
  'memory limit': { text: /^out of memory$/, next: /memory limit/ },
};

describe('readEvaluationFailure', () => {
  it('was tried with every class in two versions of Nix', () => {
    const seen = recordedErrors().map(({ version, kind }) => `${version} ${kind}`);
    const wanted = ['2.8.0', '2.18.9'].flatMap((version) => Object.keys(expected).map((kind) => `${version} ${kind}`));
    expect(seen.sort()).toEqual(wanted.sort());
  });

  it.each(recordedErrors())('reads "$kind" of Nix $version', ({ kind, lines }) => {
    const failure = failureOf(lines);
    const { text, image, place, next } = expected[kind] ?? { text: /^$/ };
    expect(failure.text).toMatch(text);
    expect(failure.image).toBe(image);
    expect(failure.place).toBe(place);
    expect(failure.next ?? '').toMatch(next ?? /^$/);
    expect(failure.lines[0]).toBe(failure.text);
    expect(failure.lines.length).toBeLessThanOrEqual(30);
    const all = failure.lines.join('\n');
    expect(all).not.toContain('\x1b');
    expect(all).not.toMatch(/-source\/|«string»|let configurations|proxnix image|GC Warning/);
  });

  it('tells the way through the flake, the innermost frame first', () => {
    const [found] = recordedErrors().filter(({ version, kind }) => version === '2.8.0' && kind === 'missing attribute');
    expect(failureOf(found?.lines ?? []).lines).toEqual([
      "attribute 'nowhere' missing",
      'at flake.nix:15:47',
      'while evaluating anonymous lambda at lib/make-image.nix:16:18',
      "while evaluating the attribute 'files' of the derivation 'nixos-rootfs-db' at lib/make-image.nix:13:5",
      "while evaluating the attribute 'rootfs' of the derivation 'nixos-disk-image' at lib/make-image.nix:25:5",
    ]);
  });

  it('turns the words of nixpkgs for an old Nix into a hint', () => {
    const text = 'This version of Nixpkgs requires Nix >= 2.18.0, please upgrade';
    const line = `@nix ${JSON.stringify({ action: 'msg', level: 0, raw_msg: `evaluation aborted with the following error message: '${text}'` })}`;
    expect(failureOf([line]).next).toBe('Install a newer Nix on the machine of the bot; nixpkgs decides which.');
  });

  it('says that Nix said nothing when it did not', () => {
    expect(failureOf([]).text).toBe('Nix said nothing');
  });

  it('shows plain lines of git or ssh where Nix gives no error of its own', () => {
    expect(failureOf(['ssh: connect to host example.org port 22: refused', 'fatal: no']).lines).toEqual([
      'ssh: connect to host example.org port 22: refused',
      'fatal: no',
    ]);
  });
});
