import { describe, expect, it } from 'vitest';
import { readEvaluationFailure, readWarnings, sentenceOf } from '../../../src/builder/nix/evaluation-failure.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { expectedFailures, expectedWarnings, type NixosRecording, nixosRecordings } from './nixos-failures.ts';
import { recordedErrors } from './recorded.ts';

const lock = JSON.stringify({ version: 7, root: 'root', nodes: { root: {}, nixpkgs: {}, website: {} } });

function eventsOf({ lines }: NixosRecording) {
  return lines.flatMap((line) => parseLine(line) ?? []);
}

function factsOf(recording: NixosRecording) {
  const without = expectedFailures[recording.case]?.lock === null;
  return {
    source: { mirror: '/srv/fleet.git', ref: 'refs/heads/main', rev: '0'.repeat(40), ...(without ? {} : { lock }) },
    ...(recording.memory === undefined ? {} : { memoryBytes: recording.memory }),
  };
}

const era = (version: string) => (version === '2.8.0' ? version : 'newer');
const recordings = nixosRecordings();
const failed = recordings.filter(({ exit }) => exit !== 0);
const succeeded = recordings.filter(({ exit }) => exit === 0);

describe('readEvaluationFailure, on what real NixOS says', () => {
  it('has an expectation for every recording, and a recording for every expectation', () => {
    expect(new Set(failed.map((recording) => recording.case))).toEqual(new Set(Object.keys(expectedFailures)));
    expect(new Set(succeeded.map((recording) => recording.case))).toEqual(new Set(Object.keys(expectedWarnings)));
  });

  it.each(failed)('reads $case of Nix $version', (recording) => {
    const expected = expectedFailures[recording.case];
    const failure = readEvaluationFailure(eventsOf(recording), factsOf(recording));
    const headline = failure.deed === undefined ? failure.text : sentenceOf('The image web', failure);
    if (typeof expected?.headline === 'string') expect(headline).toBe(expected.headline);
    else expect(headline).toMatch(expected?.headline ?? /^$/);
    const place = typeof expected?.place === 'object' ? expected.place[era(recording.version)] : expected?.place;
    // A column may follow the line.
    const found = failure.place?.replace(/(\.nix:\d+):\d+$/, '$1');
    expect([found, failure.place]).toContain(place);
    expect(failure.next ?? '').toMatch(expected?.next ?? /^/);
    const lines = expected?.lines ?? [];
    const wanted = Array.isArray(lines)
      ? lines
      : (lines as { '2.8.0': readonly string[] })[era(recording.version) as '2.8.0'];
    const told = [failure.text, ...failure.lines].join('\n');
    for (const line of wanted) expect(told).toContain(line);
    const all = [told, failure.place, failure.next, failure.log].join('\n');
    expect(all).not.toContain('\x1b');
    expect(all).not.toMatch(/\/nix\/store\/[a-z0-9]{32}-source|[«»]git|srv\/fleet|proxnix image|GC Warning/);
    expect([told, failure.next].join('\n')).not.toMatch(
      /NIXPKGS_ALLOW|~\/\.config|:(\d+):(\d+):\1:\2|lib\/modules\.nix/,
    );
    expect(failure.lines.length).toBeLessThanOrEqual(12);
    expect(Buffer.byteLength(failure.log ?? '')).toBeLessThanOrEqual(16 * 1024);
  });

  it.each(succeeded)('reads the warnings of $case of Nix $version', (recording) => {
    const found = readWarnings(eventsOf(recording), factsOf(recording));
    const expected = expectedWarnings[recording.case] ?? [];
    expect(found).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
  });
});

function failureOf(lines: readonly string[]) {
  const source = { mirror: '/srv/mirror.git', ref: 'refs/heads/main', rev: '0'.repeat(40) };
  const events = lines.flatMap((line) => parseLine(line) ?? []);
  return readEvaluationFailure(events, { source });
}

/** What each class says in every version: its text, the image it names, its place. */
const expected: Readonly<Record<string, { text: RegExp; image?: string; place?: RegExp; next?: RegExp }>> = {
  throw: { text: /^the database needs a password file$/, image: 'db', place: /^flake\.nix:15:(?:9|14)$/ },
  'failed assertion': { text: /^assertion '\(1 == 2\)' failed$/, image: 'db', place: /^flake\.nix:15:14$/ },
  'type error': { text: /^cannot add a string to an integer$/, image: 'db', place: /^flake\.nix:15:49$/ },
  'missing attribute': { text: /^There is no attribute nowhere\.$/, image: 'db', place: /^flake\.nix:15:47$/ },
  'missing file': {
    text: /^The file images\/absent\.conf is not in the repository\.$/,
    image: 'db',
    place: /^lib\/make-image\.nix:16:18$/,
    next: /committed/,
  },
  abort: { text: /^stop here$/, image: 'db', place: /^flake\.nix:15:(?:9|14)$/ },
  'infinite recursion': {
    text: /^A value needs itself \(infinite recursion\)\.$/,
    image: 'db',
    place: /^flake\.nix:15:22$/,
  },
  'stack overflow': { text: /^A function calls itself without end \(stack overflow\)\.$/, next: /without an end/ },
  'import from derivation forbidden': {
    text: /^The flake builds something \(.*\) while it is evaluated\.$/,
    image: 'web',
    place: /^flake\.nix:14:200$/,
    next: /before anyone approved/,
  },
  'syntax error in flake.nix': { text: /^Syntax error: unexpected '}', expecting ';'\.$/, place: /^flake\.nix:15:36$/ },
  'no output proxnix': { text: /^the flake has no output named proxnix$/, next: /Give the flake an output proxnix/ },
  'commit not in the ref': { text: /^Commit 0000000 is not in the bot's mirror/, next: /Plan again/ },
  'reference without a rev': {
    text: /^cannot call 'getFlake' on unlocked flake reference/,
    place: /^flake\.lock$/,
    next: /nix flake lock/,
  },
  'memory limit': { text: /^The evaluation needs more memory than there is\.$/, next: /NIX_EVAL_MEMORY/ },
};

describe('readEvaluationFailure, on what small flakes say', () => {
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
    expect(failure.place ?? '').toMatch(place ?? /^$/);
    expect(failure.next ?? '').toMatch(next ?? /^$/);
    expect(failure.lines.length).toBeLessThanOrEqual(12);
    const all = failure.lines.join('\n');
    expect(all).not.toContain('\x1b');
    expect(all).not.toMatch(/-source\/|«string»|let configurations|proxnix image|GC Warning/);
  });

  it('tells the way through the flake, the innermost frame first', () => {
    const [found] = recordedErrors().filter(({ version, kind }) => version === '2.8.0' && kind === 'missing attribute');
    expect(failureOf(found?.lines ?? []).lines).toEqual([
      "attribute 'nowhere' missing",
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
