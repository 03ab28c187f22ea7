import { readFileSync } from 'node:fs';

/** A failed or successful evaluation of real NixOS, as `test/builder/fixtures/nixos` holds it. */
export interface NixosRecording {
  readonly case: string;
  readonly version: string;
  readonly exit: number;
  /** The address space of the evaluation in bytes, where it was limited. */
  readonly memory?: number;
  /** stderr, line by line. */
  readonly lines: readonly string[];
}

/** NixOS 18.03 under the first, 26.11 under the others. */
const versions = ['2.8.0', '2.26.3', '2.34.8'] as const;

/** Every recording. */
export function nixosRecordings(): readonly NixosRecording[] {
  return versions.flatMap((version) => {
    const text = readFileSync(new URL(`../fixtures/nixos/nix-${version}.txt`, import.meta.url), 'utf8');
    return text
      .split(/^(?=\{"case":)/m)
      .map((part) => part.split('\n').filter((line) => line !== ''))
      .map(([head = '', ...lines]) => ({ ...JSON.parse(head), version, lines }));
  });
}

/** What an operator should read. */
export interface Expected {
  /** The sentence, with "The image web" as the subject where it needs one. */
  readonly headline: string | RegExp;
  /** The file and, where Nix gives it, the line; a column may follow. By version where they differ. */
  readonly place?: string | { readonly '2.8.0'?: string; readonly newer?: string };
  /** Texts that stand in the lines below the sentence. By version where they differ. */
  readonly lines?: readonly string[] | { readonly '2.8.0': readonly string[]; readonly newer: readonly string[] };
  /** What to do. */
  readonly next?: RegExp;
  /** The lock file of the commit; absent: it has the inputs `nixpkgs` and `website`; `null`: there is none. */
  readonly lock?: null;
}

const hostsWeb5 = 'hosts/web.nix:5';
const lockAgain = /Run nix flake lock, commit flake\.lock and push/;
const notFetched = { place: 'flake.nix' } as const;

/** The evaluations that fail, by case. */
export const expectedFailures: Readonly<Record<string, Expected>> = {
  'assertion-root-filesystem': {
    headline: 'The image web fails a check of NixOS: the ‘fileSystems’ option does not specify your root file system.',
    lines: ['- The ‘fileSystems’ option does not specify your root file system.'],
  },
  'unknown-option': {
    headline: 'There is no option networking.nameserver.',
    place: 'hosts/web.nix',
    lines: {
      '2.8.0': [],
      newer: ["Did you mean `networking.nameservers', `networking.timeServers' or `networking.enableIPv6'?"],
    },
  },
  'wrong-type': {
    headline:
      /^networking\.firewall\.allowedTCPPorts must be a list of (?:port numbers|whole numbers), but one value is (?:"https"|not)\.$/,
    place: 'hosts/web.nix',
    lines: { '2.8.0': ['signed integer'], newer: ['- In `hosts/web.nix\': "https"'] },
  },
  'github-nixpkgs': {
    headline:
      /^networking\.firewall\.allowedTCPPorts must be a list of (?:port numbers|whole numbers), but one value is (?:"https"|not)\.$/,
    place: 'hosts/web.nix',
    lines: { '2.8.0': ['signed integer'], newer: ['- In `hosts/web.nix\': "https"'] },
  },
  'conflicting-values': {
    headline:
      /^networking\.hostName is set twice: (?:"web" in hosts\/web\.nix and "base" in modules\/base\.nix|in hosts\/web\.nix and in modules\/base\.nix)\.$/,
    place: 'hosts/web.nix and modules/base.nix',
    lines: {
      '2.8.0': [],
      newer: ['- In `hosts/web.nix\': "web"', '- In `modules/base.nix\': "base"', 'Use `lib.mkForce value`'],
    },
  },
  'infinite-recursion-option': {
    headline: 'An option needs its own value (infinite recursion): networking.hostName.',
    place: 'hosts/web.nix:3',
  },
  'undefined-variable': { headline: 'There is no variable jqq.', place: 'hosts/web.nix:7:53' },
  'missing-attribute': {
    headline: 'There is no attribute server.',
    place: 'hosts/web.nix:18',
    lines: ["attribute 'server' missing"],
  },
  'missing-argument': {
    headline: "Module argument website is missing (attribute 'website' missing).",
    place: 'hosts/web.nix:18',
    next: /specialArgs/,
  },
  'syntax-error': { headline: "Syntax error: unexpected '=', expecting ';'.", place: 'hosts/web.nix:4' },
  'syntax-error-flake': { headline: "Syntax error: unexpected ';'.", place: 'flake.nix:14' },
  'missing-file': {
    headline: 'The file hosts/wbe.nix is not in the repository.',
    next: /committed.*submodule/s,
  },
  'throw-in-module': { headline: 'set the token first: see docs/secrets.md', place: hostsWeb5 },
  'throw-many-lines': {
    headline: 'The token is missing.',
    place: hostsWeb5,
    lines: ['Set it first: see docs/secrets.md'],
  },
  'abort-in-module': { headline: 'stop here', place: hostsWeb5 },
  'unfree-package': {
    headline: 'The package unrar has an unfree license.',
    next: /nixpkgs\.config\.allowUnfreePredicate.*"unrar"/s,
  },
  'removed-package': {
    headline: 'python27 was removed from nixpkgs: Python 2 is end-of-life. Use python3 instead.',
    place: 'hosts/web.nix:7',
  },
  'broken-package': {
    headline: 'The package hello is marked as broken.',
    next: /nixpkgs\.config\.(?:allowBroken|problems\.handlers)/,
  },
  'import-from-derivation': {
    headline: 'The flake builds something (ifd) while it is evaluated.',
    place: hostsWeb5,
    next: /before anyone approved.*NIX_ALLOW_IFD/s,
  },
  'absolute-path': {
    headline: 'The flake reads /etc/hostname, a file of the machine and not of the flake.',
    place: hostsWeb5,
    next: /pure/,
  },
  'absolute-path-import': {
    headline:
      /^The flake imports \/etc(?:\/nixos\/hardware-configuration\.nix)?, a file of the machine and not of the flake\.$/,
    next: /Copy .* into the repository/,
  },
  'path-interpolated': {
    headline: 'The flake reads /nix/store/lib/make-disk-image.nix, outside of itself.',
    place: 'modules/image.nix:13',
    next: /modulesPath \+/,
  },
  'search-path': {
    headline: 'The flake looks up <nixpkgs/nixos/modules/profiles/headless.nix>, which does not exist for a flake.',
    place: 'hosts/web.nix:3',
    next: /input/,
  },
  'fetch-without-hash': { headline: 'fetchTarball needs a sha256.', place: hostsWeb5 },
  'input-not-in-lock': {
    headline: 'The input secrets is not in flake.lock.',
    place: 'flake.nix',
    next: lockAgain,
  },
  'stale-lock': {
    headline: 'flake.lock has another version of the input website than flake.nix asks for.',
    place: 'flake.nix',
    next: lockAgain,
  },
  'no-lock': { headline: 'There is no flake.lock.', place: 'flake.nix', next: lockAgain, lock: null },
  'tarball-lock-of-newer-nix': {
    headline: "flake.lock was written by a newer Nix than the bot's (lastModified of a tarball input).",
    place: 'flake.lock',
    next: /newer Nix on the machine of the bot/,
  },
  'hash-mismatch': {
    headline: 'The input website is not what flake.lock says.',
    place: 'flake.lock',
    next: /nix flake update website/,
  },
  'input-gone-rev': {
    headline: 'Commit 1111111 of the input website is no longer in its repository.',
    place: 'flake.lock',
    next: /force push.*nix flake update website/is,
  },
  'input-unreachable-git-file': {
    headline: 'The input website cannot be fetched: the repository /srv/gone.git does not exist.',
    ...notFetched,
  },
  'input-unreachable-git-https': {
    headline: 'The input website cannot be fetched from https://127.0.0.1:9/website.git: could not connect to server.',
    ...notFetched,
    lines: ["Couldn't connect to server"],
  },
  'input-unreachable-github': {
    headline: 'The input website (github:example/website) cannot be fetched: could not resolve host name.',
    ...notFetched,
    next: /network.*Plan again/is,
  },
  'removed-option': {
    headline: 'The image web fails a check of NixOS: the option sound.enable no longer has any effect.',
    place: 'hosts/web.nix',
    lines: ['The option was heavily overloaded and can be removed from most configurations.'],
  },
  'stack-overflow': {
    headline: 'A function calls itself without end (stack overflow).',
    place: { newer: hostsWeb5 },
  },
  'trace-then-stack-overflow': {
    headline: 'A function calls itself without end (stack overflow).',
    place: { newer: hostsWeb5 },
  },
  'out-of-memory': { headline: 'The evaluation needs more than 3 GiB.', next: /NIX_EVAL_MEMORY/ },
  'out-of-memory-plain': { headline: /^The evaluation needs more than [56]00 MiB\.$/, next: /NIX_EVAL_MEMORY/ },
  'nix-too-old': {
    headline: "nixpkgs needs Nix 2.18 or newer; the bot's machine has 2.8.0.",
    next: /newer Nix on the machine of the bot/,
  },
  'not-a-function': { headline: 'A set is called like a function.', place: 'flake.nix:16' },
};

/** The evaluations that succeed, by case, with the warnings that the card tells. */
export const expectedWarnings: Readonly<Record<string, readonly RegExp[]>> = {
  ok: [],
  'first-evaluation': [],
  'missing-image-attribute': [],
  'warnings-and-trace': [/^the website module is old$/],
  'deprecated-option': [
    /^The option `services\.(?:xserver\.startOpenSSHAgent|openssh\.passwordAuthentication)' defined in `hosts\/web\.nix' has been renamed to `/,
  ],
  'removed-option': [/^The option definition `security\.setuidPrograms' in `hosts\/web\.nix' no longer has any effect/],
};
