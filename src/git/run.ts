import { execa } from 'execa';
import { UserError } from '../core/errors.ts';
import { Newest, readLines, readText } from '../lib/streams.ts';
import { signalGroup } from '../signal-group.ts';
import { protocols, type Remote, withoutSecrets } from './remote.ts';

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

/** Of the bot's environment git sees only how to reach the network. */
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
    // Git removes its lock files when it is asked to end.
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
