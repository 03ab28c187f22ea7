import { describe, expect, it } from 'vitest';
import {
  type EvaluationFailure,
  readEvaluationFailure,
  sentenceOf,
} from '../../../src/builder/nix/evaluation-failure.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { sourceHash } from '../../../src/builder/nix/sources.ts';

const rev = '1'.repeat(40);
const narHash = 'sha256-tu0iCr9ERHz4vwH6fl1ULZssordSSWJVC1d2qkdmEIA=';
const [own, website, nixpkgs] = ['a'.repeat(32), 'wsvvz8siyq3r3m5dnvdfkfszsqxmm05b', 'c'.repeat(32)].map(
  (hash) => `/nix/store/${hash}-source`,
);
const locked = { website: { locked: { narHash, rev } }, root: {} };
const source = {
  ...{ mirror: '/srv/mirror.git', ref: 'refs/proxnix/r-1', rev: '0'.repeat(40) },
  lock: JSON.stringify({ version: 7, root: 'root', nodes: locked }),
};

interface Said {
  readonly trace?: readonly {
    readonly raw_msg: string;
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
  }[];
  readonly before?: readonly string[];
  readonly more?: object;
}

/** What is read of an error with this message. */
function read(raw: string, { trace = [], before = [], more = {} }: Said = {}): EvaluationFailure {
  const line = `@nix ${JSON.stringify({ action: 'msg', level: 0, raw_msg: raw, trace, ...more })}`;
  const events = [...before, line].flatMap((one) => parseLine(one) ?? []);
  return readEvaluationFailure(events, { source, storePath: own ?? '' });
}

/** Messages of other options, packages, files and inputs than the recordings have. */
describe.each([
  [
    'two own assertions',
    '\nFailed assertions:\n- web needs a certificate: see docs/tls.md\n- The port is taken\nby nginx',
    'The image web fails 2 checks: web needs a certificate: see docs/tls.md.',
    '',
  ],
  [
    'a nested option of 18.03',
    `The option \`services.nginx.enabel' defined in \`${own}/hosts/web.nix' does not exist.`,
    'There is no option services.nginx.enabel.',
    'hosts/web.nix',
  ],
  [
    'a quoted option',
    `The option \`environment.etc."a.conf".txt' does not exist. Definition values:\n- In \`${own}/hosts/web.nix': "x"`,
    'There is no option environment.etc."a.conf".txt.',
    'hosts/web.nix',
  ],
  [
    'an option of a module of an input',
    `The option \`a.b' does not exist. Definition values:\n- In \`${website}/module.nix': 1`,
    'There is no option a.b.',
    '',
  ],
  [
    'a boolean',
    `A definition for option \`services.nginx.enable' is not of type \`boolean'. Definition values:\n- In \`${own}/hosts/web.nix': "yes"`,
    'services.nginx.enable must be a boolean.',
    'hosts/web.nix',
  ],
  [
    'a type that has no name of its own',
    `The option value \`a.b' in \`${own}/m.nix' is not of type \`one of "x", "y"'.`,
    'a.b must be of the type ‘one of "x", "y"’.',
    'm.nix',
  ],
  [
    'three values',
    `The option \`a.b' has conflicting definition values:\n- In \`${own}/a.nix': 1\n- In \`${own}/b.nix': 2\n- In \`${own}/c.nix': 3\nUse`,
    'a.b is set 3 times: 1 in a.nix and 2 in b.nix and 3 in c.nix.',
    'a.nix and b.nix and c.nix',
  ],
  [
    'an option without a value',
    "The option `users.users.a.home' was accessed but has no value defined. Try setting the option.",
    'The option users.users.a.home has no value.',
    '',
  ],
  [
    'a package with an unfree license',
    `Package ‘steam-1.0’ in ${nixpkgs}/pkgs/games/steam/default.nix:3 has an unfree license (‘unfree’), refusing to evaluate.\n\na) x`,
    'The package steam has an unfree license.',
    '',
  ],
  [
    'an insecure package',
    `Package ‘openssl-1.1.1w’ in ${nixpkgs}/pkgs/x.nix:3 is marked as insecure, refusing to evaluate.\n\n\nKnown issues:\n - end of life\n\nYou can install it anyway by`,
    'The package openssl-1.1.1w is marked as insecure.',
    '',
  ],
  [
    'a removed package',
    "'foo-bar' has been removed, because it is dead",
    'foo-bar was removed from nixpkgs: Because it is dead',
    '',
  ],
  [
    'an old Nix',
    "evaluation aborted with the following error message: '\nThis version of Nixpkgs requires Nix >= 2.3, please upgrade:\n'",
    'nixpkgs needs Nix 2.3 or newer.',
    '',
  ],
  [
    'a file of another module',
    `path '${own}/modules/tls.nix' does not exist`,
    'The file modules/tls.nix is not in the repository.',
    '',
  ],
  [
    'a repository without a flake, with Nix 2.8',
    `getting status of '${own}/flake.nix': No such file or directory`,
    'There is no flake.nix in the repository.',
    '',
  ],
  [
    'a file that git does not track',
    'Path \'images/x.nix\' in the repository "/srv/mirror.git" is not tracked by Git.',
    'The file images/x.nix is not in the repository.',
    '',
  ],
  [
    'a lock file with a conflict',
    '[json.exception.parse_error.101] parse error at line 12, column 1: syntax error while parsing object key',
    'flake.lock is no JSON (a merge conflict?).',
    'flake.lock:12',
  ],
  [
    'an input without a lock',
    "cannot update unlocked flake input 'tools' in pure mode",
    'The input tools is not in flake.lock.',
    'flake.nix',
  ],
  ['words of nobody', 'value is a string while a set was expected', 'value is a string while a set was expected', ''],
])('%s', (_, raw, sentence, place) => {
  it('is read in one sentence with its place', () => {
    const failure = read(raw);
    expect(failure.deed === undefined ? failure.text : sentenceOf('The image web', failure)).toBe(sentence);
    expect(failure.place ?? '').toBe(place);
  });
});

describe('an input', () => {
  const frames = (url: string) => [{ raw_msg: `while fetching the input '${url}'` }];

  it.each([
    ["fatal: Authentication failed for 'https://git.example.org/a.git/'", 'the server wants other credentials'],
    ['git@git.example.org: Permission denied (publickey).', 'the server refused the key of ssh'],
    ["fatal: unable to access 'https://x/': The requested URL returned error: 403", 'the server refused (403)'],
    ['ssh: connect to host git.example.org port 22: Connection refused', 'could not connect to server'],
    ['fatal: something that nobody knows', 'something that nobody knows'],
  ])('that git cannot fetch is told with its words: %s', (words, reason) => {
    const url = `git+https://user:secret@git.example.org/a.git?rev=${rev}`;
    const failure = read("program 'git' failed with exit code 128", { trace: frames(url), before: [words] });
    expect(failure.text).toBe(`The input website cannot be fetched from https://git.example.org/a.git: ${reason}.`);
    expect(failure.lines).toContain(words);
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it.each([
    [
      "unable to download 'https://127.0.0.1:9/site.tar.gz': Couldn't connect to server (7)",
      `https://127.0.0.1:9/site.tar.gz?narHash=${narHash}`,
    ],
    ["unable to download 'https://127.0.0.1:9/site.tar.gz': HTTP error 404", 'tarball+https://127.0.0.1:9/site.tar.gz'],
  ])('that is a tarball is named by its address: %s', (raw, url) => {
    expect(read(raw, { trace: frames(url) }).text).toMatch(
      /^The input site cannot be fetched from https:\/\/127\.0\.0\.1:9\/site\.tar\.gz: /,
    );
  });

  it('has its files told apart from those of the fleet, by its hash in flake.lock or by its address', () => {
    expect(sourceHash(narHash)).toBe('wsvvz8siyq3r3m5dnvdfkfszsqxmm05b');
    const used = { raw_msg: 'from call site', file: `${own}/hosts/web.nix:18:22`, line: 18, column: 22 };
    for (const file of [`${website}/flake.nix`, `«git+https://example.org/x.git?rev=${rev}»/flake.nix:5:3`]) {
      const failure = read('it does not build', {
        trace: [{ raw_msg: "while calling the 'throw' builtin", file, line: 5, column: 3 }, used],
      });
      expect(failure.place).toBe('flake.nix:5:3 of the input website, used at hosts/web.nix:18:22');
      expect(failure.log).toContain('<website>/flake.nix:5:3');
    }
  });
});

describe('a stream', () => {
  const warning = "warning: the group 'nixbld' specified in 'build-users-group' does not exist";
  const overflow = 'error: stack overflow (possible infinite recursion)';
  const level0 = (msg: string) => `@nix ${JSON.stringify({ action: 'msg', level: 0, msg })}`;
  const readAll = (lines: readonly string[]) => readEvaluationFailure(lines.flatMap((line) => parseLine(line) ?? []));

  it('with a warning of Nix itself at the level of errors still ends with its error', () => {
    for (const lines of [
      [level0(warning), overflow],
      [overflow, level0(warning)],
    ]) {
      expect(readAll(lines).text).toBe('A function calls itself without end (stack overflow).');
    }
    expect(readAll([level0(warning)]).text).toBe(warning);
  });

  it('with a trace behind the error still ends with its error', () => {
    expect(readAll([level0('error: out of memory'), level0('trace: x')]).outOfMemory).toBe(true);
  });

  it('with a line of 4 MB keeps the place and the image, which stand before the cut', () => {
    const frames = "\n       … while calling 'count'\n         at «x»:5:50".repeat(40_000);
    const event = {
      action: 'msg',
      column: 57,
      file: `${own}/hosts/web.nix:5:57`,
      level: 0,
      line: 5,
      msg: `error:\n       … proxnix image web\n${frames}`,
    };
    const line = `${`@nix ${JSON.stringify(event)}`.slice(0, 1024 * 1024)}…`;
    expect(readAll([line])).toMatchObject({
      text: 'A function calls itself without end (stack overflow).',
      image: 'web',
      place: 'hosts/web.nix:5:57',
    });
  });
});
