import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExecaError, execa } from 'execa';
import { UserError } from '../core/errors.ts';
import { sampleFiles } from './sample-files.ts';

/** The sample flake: a working tree and the bare repository it pushes to. */
export interface SampleRepository {
  /** The working tree. */
  readonly dir: string;
  /** The bare repository that the bot watches. */
  readonly origin: string;
  readonly branch: string;
  /** Author of the commits and the time of the next one. */
  readonly author: { readonly name: string; readonly email: string };
  readonly now: () => Date;
}

/** Who writes the commits, and when; by default a demo author, now. */
export interface SampleOptions {
  readonly author?: SampleRepository['author'];
  readonly now?: () => Date;
}

const demoAuthor = { name: 'Demo', email: 'demo@proxnix.example' };

/**
 * Makes `dir/fleet` (working tree) and `dir/origin.git` (bare) with the first commit pushed to `main`.
 * @param options.system Nix's name of the machine that builds; part of every derivation, so it decides the store paths
 */
export async function createSampleRepository(
  dir: string,
  options: SampleOptions & { readonly system: string },
): Promise<SampleRepository> {
  const repository = openSampleRepository(dir, options);
  await mkdir(repository.dir, { recursive: true });
  await git(repository, ['init', '--quiet', '--bare', `--initial-branch=${repository.branch}`, repository.origin]);
  await git(repository, ['init', '--quiet', `--initial-branch=${repository.branch}`]);
  await git(repository, ['remote', 'add', 'origin', repository.origin]);
  await commitFiles(repository, 'Four VMs', sampleFiles(options.system));
  return repository;
}

/** The handle of an existing sample repository. */
export function openSampleRepository(dir: string, options: SampleOptions = {}): SampleRepository {
  const { author = demoAuthor, now = () => new Date() } = options;
  return { dir: join(dir, 'fleet'), origin: join(dir, 'origin.git'), branch: 'main', author, now };
}

/**
 * Writes files (`undefined` deletes one), commits and pushes. @returns the commit's hash; it depends only on the files,
 * the message, the history and the repository's author and clock. Rejects with a `UserError` when nothing changes.
 */
export async function commitFiles(
  repository: SampleRepository,
  message: string,
  files: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    const target = join(repository.dir, path);
    if (text === undefined) {
      await rm(target, { force: true });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  await git(repository, ['add', '--all']);
  if ((await git(repository, ['status', '--porcelain'])) === '') {
    throw new UserError('The fleet says that already: nothing was pushed.', {
      next: 'Another action has something to do: `npm run demo -- list`. `npm run demo -- mend` brings the first commit back.',
    });
  }
  await git(repository, ['commit', '--quiet', '--message', message]);
  await git(repository, ['push', '--quiet', '--set-upstream', 'origin', `HEAD:refs/heads/${repository.branch}`]);
  return git(repository, ['rev-parse', 'HEAD']);
}

/** A file of the working tree. */
export function readSample(repository: SampleRepository, path: string): Promise<string> {
  return readFile(join(repository.dir, path), 'utf8');
}

/** The files of the first commit, with `undefined` for those that came later: what `commitFiles` needs to bring it back. */
export async function firstFiles(repository: SampleRepository): Promise<Readonly<Record<string, string | undefined>>> {
  const lines = async (...args: string[]) => (await git(repository, args)).split('\n').filter((line) => line !== '');
  const [first = ''] = await lines('rev-list', '--max-parents=0', 'HEAD');
  const later = (await lines('ls-files')).map((path) => [path, undefined] as const);
  const files: Record<string, string | undefined> = Object.fromEntries(later);
  // Each text ends as it did: execa takes one newline from the end of an output.
  for (const path of await lines('ls-tree', '-r', '--name-only', first))
    files[path] = `${await git(repository, ['show', `${first}:${path}`])}\n`;
  return files;
}

/** Runs git in the working tree, untouched by the settings and hooks of the person whose machine it is. */
async function git(repository: SampleRepository, args: readonly string[]): Promise<string> {
  // Without the at sign git refuses small numbers as dates.
  const date = `@${Math.floor(repository.now().getTime() / 1000)} +0000`;
  const { name, email } = repository.author;
  const { stdout } = await execa('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'core.autocrlf=false', ...args], {
    cwd: repository.dir,
    stdin: 'ignore',
    extendEnv: false,
    env: {
      PATH: process.env['PATH'],
      HOME: repository.dir,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
      GIT_COMMITTER_DATE: date,
    },
  }).catch((error: unknown) => {
    throw gitProblem(error, repository, args);
  });
  return stdout;
}

function gitProblem(error: unknown, { dir }: SampleRepository, [command]: readonly string[]): unknown {
  if (!(error instanceof ExecaError)) return error;
  if (error.code === 'ENOENT') {
    return new UserError('The demo needs git, which is not installed.', { next: 'On Debian: apt-get install git' });
  }
  const [why = 'it gave no reason'] = String(error.stderr)
    .split('\n')
    .filter((line) => line !== '');
  return new UserError(`git ${command} failed in ${dir}: ${why}`, {
    next: 'Look at it there with `git status`, or start the demo again with `npm run demo`.',
    cause: error,
  });
}
