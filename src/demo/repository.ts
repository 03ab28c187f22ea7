import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { sampleFiles } from './sample-files.ts';

/** The sample flake as a person has it: a working tree and the bare repository it pushes to. */
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

/** Who commits, and when; for recordings that must be the same each time. */
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

/** The handle of a sample repository that is already there. */
export function openSampleRepository(dir: string, options: SampleOptions = {}): SampleRepository {
  const { author = demoAuthor, now = () => new Date() } = options;
  return { dir: join(dir, 'fleet'), origin: join(dir, 'origin.git'), branch: 'main', author, now };
}

/**
 * Writes files (`undefined` deletes one), commits and pushes. @returns the commit's hash; it depends only on the files,
 * the message, the history and the repository's author and clock.
 */
export async function commitFiles(
  repository: SampleRepository,
  message: string,
  files: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    const target = join(repository.dir, path);
    if (text === undefined) {
      await rm(target);
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  await git(repository, ['add', '--all']);
  await git(repository, ['commit', '--quiet', '--message', message]);
  await git(repository, ['push', '--quiet', '--set-upstream', 'origin', `HEAD:refs/heads/${repository.branch}`]);
  return git(repository, ['rev-parse', 'HEAD']);
}

/** A file of the working tree. */
export function readSample(repository: SampleRepository, path: string): Promise<string> {
  return readFile(join(repository.dir, path), 'utf8');
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
  });
  return stdout;
}
