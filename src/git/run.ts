import { execa } from 'execa';
import { UserError } from '../core/errors.ts';
import { isLoopback } from '../lib/addresses.ts';
import { Newest, readLines, readText } from '../lib/streams.ts';
import { signalGroup } from '../lib/system.ts';

/** Where git runs, and how it reaches the repository. */
export interface GitRun {
  /** The bare repository; also git's HOME, so that no person's `.netrc` counts. */
  readonly dir: string;
  readonly remote: Remote;
  readonly sshCommand: string;
  readonly timeoutMs: number;
}

/** How a call of git ended. */
export interface GitResult {
  readonly exitCode: number;
  /** At most `maxOutput` bytes; the rest is dropped, which shows as `…` at its end. */
  readonly stdout: string;
  /** The newest lines that are not empty, of a long one the beginning and `…`; may hold secrets. */
  readonly stderr: readonly string[];
  readonly timedOut: boolean;
}

/** The variables that git gets from the bot's environment: only those for the network. */
const inherited = [
  'PATH',
  'SSH_AUTH_SOCK',
  'HTTPS_PROXY',
  'https_proxy',
  'http_proxy',
  'ALL_PROXY',
  'all_proxy',
  'NO_PROXY',
  'no_proxy',
  'GIT_SSL_CAINFO',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

const killAfterMs = 10_000;
const usualOutput = 1024 * 1024;
/** Bytes of a line of stderr. What the server says comes through here as well. */
const longestLine = 2000;
const outputLimit = { count: 50, bytes: 16 * 1024 };

/**
 * Runs git without a shell, hooks, prompts or a person's settings, in its own process group: a hanging `ssh` below it
 * ends with it. What git says against it is a result.
 * @param maxOutput bytes of stdout; 1 MiB where nothing is said
 */
export async function runGit(run: GitRun, args: readonly string[], maxOutput = usualOutput): Promise<GitResult> {
  const child = execa('git', [...settings, ...args], {
    cwd: run.dir,
    detached: true,
    stdin: 'ignore',
    extendEnv: false,
    env: environment(run),
    reject: false,
    buffer: false,
  });
  const said = new Newest<string>(outputLimit);
  const read = Promise.all([
    readText(child.stdout, maxOutput),
    readLines(child.stderr, longestLine, (line) => said.add(line, Buffer.byteLength(line))),
  ]);
  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const timer = setTimeout(() => {
    timedOut = true;
    // TERM lets git remove its lock files.
    signalGroup(child.pid, 'SIGTERM');
    killer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), killAfterMs);
  }, run.timeoutMs);
  const [result, [stdout]] = await Promise.all([child, read]).finally(() => {
    clearTimeout(timer);
    clearTimeout(killer);
  });
  if (result.failed && 'code' in result && result.code === 'ENOENT') throw gitMissing();
  return {
    exitCode: result.exitCode ?? -1,
    stdout: stdout.replace(/\n$/, ''),
    stderr: said.items().filter((line) => line.trim() !== ''),
    timedOut,
  };
}

const settings = [
  ['protocol.ext.allow', 'never'],
  ['core.hooksPath', '/dev/null'],
  ['credential.helper', ''],
  ['fetch.recurseSubmodules', 'false'],
  // No child outlives the call.
  ['gc.autoDetach', 'false'],
  ['maintenance.autoDetach', 'false'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

function environment(run: GitRun): Record<string, string> {
  const config = Object.entries(run.remote.config);
  const keys = config.map(([key], index) => [`GIT_CONFIG_KEY_${index}`, key]);
  const values = config.map(([, value], index) => [`GIT_CONFIG_VALUE_${index}`, value]);
  const kept = inherited.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries([
    ...kept,
    ['HOME', run.dir],
    ['LC_ALL', 'C'],
    ['GIT_DIR', run.dir],
    ['GIT_CONFIG_GLOBAL', '/dev/null'],
    ['GIT_CONFIG_NOSYSTEM', '1'],
    ['GIT_CONFIG_COUNT', String(config.length)],
    ...keys,
    ...values,
    ['GIT_TERMINAL_PROMPT', '0'],
    ['GIT_ASKPASS', ''],
    ['SSH_ASKPASS', ''],
    ['GIT_SSH_COMMAND', run.sshCommand],
    ['GIT_ALLOW_PROTOCOL', protocols.join(':')],
  ]);
}

function gitMissing(): UserError {
  return new UserError('git is not installed on the machine of the bot.', {
    next: 'Install it, on Debian: apt-get install git.',
  });
}

/** Why a fetch did not work, in git's words, without credentials. */
export function fetchError(run: GitRun, result: GitResult): UserError {
  const { remote } = run;
  const shown = withoutSecrets(remote.url, remote);
  if (result.timedOut) {
    return new UserError(`Fetching ${shown} took longer than ${run.timeoutMs / 1000} s.`, {
      next: 'Look at the connection to the git server, or raise the time limit of git.',
    });
  }
  const lines = result.stderr.map((line) => withoutSecrets(line, remote));
  // After `fatal:` git only adds advice of its own.
  const fatal = lines.findLast((line) => line.startsWith('fatal:')) ?? lines.at(-1) ?? `exit code ${result.exitCode}`;
  const next = hints.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];
  return new UserError(`The repository ${shown} cannot be fetched: ${fatal.replace(/^fatal: /, '')}`, {
    details: lines.slice(-10),
    ...(next === undefined ? {} : { next }),
  });
}

const hints: readonly (readonly [RegExp, string])[] = [
  [
    /mismatched algorithms/,
    'Its hashes are SHA-256, which Nix cannot read: make it anew with git init --object-format=sha1 and push to that.',
  ],
  [/dubious ownership/, 'The repository belongs to another user: give it to the user of the bot.'],
  [/Host key verification failed/, "Add the git server's key to known_hosts of the bot's user."],
  [
    /Authentication failed|could not read (?:Username|Password)|error: 40[13]|HTTP 40[13]|Permission denied/,
    'Check the token or the deploy key of the bot: it needs to read this repository.',
  ],
  [/error: 30[1278]|redirect/i, 'The server points elsewhere: configure the new URL of the repository.'],
  [/not found|does not appear to be a git repository|does not exist|error: 404/i, 'Check the URL of the repository.'],
  [
    /Could not resolve|Failed to connect|Connection (?:refused|timed out|reset)|Couldn't connect/i,
    'Check that the git server can be reached from the machine of the bot.',
  ],
];

/** A repository's URL without its secrets, and the secrets as git's configuration. */
export interface Remote {
  /** Safe to show and to pass as an argument. */
  readonly url: string;
  /** Configuration by key, given to git through its environment: arguments are visible to every user of the machine. */
  readonly config: Readonly<Record<string, string>>;
  /** The secrets, which must never be shown, longest first. */
  readonly secrets: readonly string[];
}

/** Transports that run a program of the URL's choice stay out. */
export const protocols = ['file', 'git', 'http', 'https', 'ssh'] as const;

/**
 * Separates the secrets from a URL and a token. A password in the URL counts as a token. A token is sent only over
 * `https`, and over `http` to this machine.
 * @throws UserError for a URL that git would take for something else
 */
export function readRemote(url: string, token: string | undefined): Remote {
  if (url.startsWith('/')) return plain(url, token);
  if (/^[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:-][^:]*$/.test(url)) return plain(url, token);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1);
  if (parsed === undefined || !protocols.some((known) => known === scheme)) {
    throw new UserError('The URL of the repository is none that proxnix fetches from.', {
      next: `Use one of ${protocols.join(', ')}, an absolute path, or user@host:path.`,
    });
  }
  const password = withoutEscapes(parsed.password) || token;
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return plain(url, token);
  const user = withoutEscapes(parsed.username) || 'x-access-token';
  parsed.username = '';
  parsed.password = '';
  if (password === undefined) return plain(parsed.href, undefined);
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    throw new UserError('The token for the repository would go over an unencrypted connection.', {
      next: 'Use the https URL of the repository.',
    });
  }
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  return {
    url: parsed.href,
    config: {
      [`http.${parsed.origin}/.extraHeader`]: `Authorization: Basic ${basic}`,
      // Redirects are off: git would send the header with the token to the redirect's target.
      'http.followRedirects': 'false',
    },
    secrets: [basic, password],
  };
}

function withoutEscapes(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UserError('A % in the URL of the repository begins no escape.', { next: 'Write %25 for it.' });
  }
}

/** Text without the secrets, also one whose end was cut off, and without what stands before `@` in URLs. */
export function withoutSecrets(text: string, remote: Remote): string {
  const masked = remote.secrets.reduce((rest, secret) => withoutCut(rest.replaceAll(secret, '***'), secret), text);
  // From the colon on, not from the scheme: a search from every letter would take the square of the length.
  return masked.replace(/:\/\/[^/@\s']*@/g, '://');
}

/** A line that is too long ends in `…`; what it shows of a secret before that goes too. */
function withoutCut(text: string, secret: string): string {
  if (!text.endsWith('…')) return text;
  const shown = text.slice(0, -1);
  for (let length = secret.length - 1; length >= 4; length--) {
    if (shown.endsWith(secret.slice(0, length))) return `${shown.slice(0, -length)}***…`;
  }
  return text;
}

function plain(url: string, token: string | undefined): Remote {
  if (token === undefined) return { url, config: {}, secrets: [] };
  throw new UserError('A token for the repository works with an https URL only.', {
    next: 'Use the https URL, or an SSH key without a token.',
  });
}

/** A full ref that is safe in a URL of Nix and in arguments of git. */
export const refPattern =
  /^refs\/(?:heads|tags|proxnix)\/(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}$/;

/** A whole commit hash. */
export const shaPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** What people write for a commit: seven digits or more. */
export const shortShaPattern = /^[0-9a-f]{7,64}$/i;

/** The flake's folder: a path that stays inside the repository. */
export const dirPattern = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

const pinPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

/** The hidden ref of a pin. @throws when the name is none of ours */
export function pinRef(name: string): string {
  if (!pinPattern.test(name)) throw new Error('the name of a pin has letters, digits and - only');
  return `refs/proxnix/${name}`;
}

/** The full refs that a name may mean, in the order to try; none when it is no name of a branch or tag. */
export function refsOf(name: string): readonly string[] {
  const refs = name.startsWith('refs/') ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`];
  return refs.filter((ref) => refPattern.test(ref) && !ref.startsWith('refs/proxnix/'));
}
