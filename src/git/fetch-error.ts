import { UserError } from '../core/errors.ts';
import { withoutSecrets } from './remote.ts';
import type { GitResult, GitRun } from './run.ts';

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
