import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import PQueue from 'p-queue';
import { type Authorship, type Commit, type Comparison, type Signature, shortCommit } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import type { FlakeFile } from '../core/flake-patch.ts';
import type { Git, Source } from './git.ts';
import {
  dirPattern,
  fetchError,
  type GitResult,
  type GitRun,
  pinRef,
  readRemote,
  refPattern,
  refsOf,
  runGit,
  shaPattern,
  shortShaPattern,
  withoutSecrets,
} from './run.ts';

/** The log of the adapter: static message, facts as fields (a pino logger fits). */
export interface GitLog {
  debug(facts: object, message: string): void;
}

/** The options of a mirror; times in milliseconds. */
export interface GitOptions {
  /** The bare mirror; made when it is not there. Nobody else writes into it. */
  readonly dir: string;
  readonly url: string;
  readonly branch: string;
  /** Folder of the flake inside the repository. */
  readonly flakeDir?: string;
  /** Reads the repository over https. */
  readonly token?: string;
  /** As GIT_SSH_COMMAND. */
  readonly sshCommand?: string;
  readonly timeoutMs?: number;
  readonly log?: GitLog;
}

/** The largest lock file seen in public has 200 KiB. */
const maxFileBytes = 4 * 2 ** 20;

/** A bare mirror of one repository, kept with the git program. Calls are carried out one after the other. */
export class GitMirror implements Git {
  readonly #run: GitRun;
  readonly #branch: string;
  readonly #flakeDir: string | undefined;
  readonly #log: GitLog;
  readonly #queue = new PQueue({ concurrency: 1 });
  #opened = false;

  /** @throws UserError when the options make no sense */
  constructor(options: GitOptions) {
    const { branch, flakeDir, sshCommand = 'ssh -oBatchMode=yes', timeoutMs = 120_000 } = options;
    const remote = readRemote(options.url, options.token);
    if (!refPattern.test(`refs/heads/${branch}`)) throw badSetting('branch', branch);
    if (flakeDir !== undefined && !dirPattern.test(flakeDir)) throw badSetting("flake's folder", flakeDir);
    this.#run = { dir: resolve(options.dir), remote, sshCommand, timeoutMs };
    this.#branch = branch;
    this.#flakeDir = flakeDir;
    this.#log = options.log ?? { debug: () => {} };
  }

  head(): Promise<Commit> {
    return this.#queue.add(async () => {
      await this.#fetch();
      const commit = await this.#commit(`refs/heads/${this.#branch}`);
      if (commit !== undefined) return commit;
      const url = withoutSecrets(this.#run.remote.url, this.#run.remote);
      throw new UserError(`The repository ${url} has no branch ${this.#branch}.`, {
        next: 'Push the branch, or configure the one that is there.',
      });
    });
  }

  find(ref: string): Promise<Commit | undefined> {
    return this.#queue.add(async () => {
      const refs = refsOf(ref);
      const isHash = shortShaPattern.test(ref);
      if (refs.length === 0 && !isHash) return undefined;
      await this.#fetch();
      // A hash comes first, so that a branch of the same name cannot replace it.
      const sha = isHash ? await this.#expand(ref.toLowerCase()) : undefined;
      if (sha !== undefined) return this.#commit(sha);
      for (const name of refs) {
        const commit = await this.#commit(name);
        if (commit !== undefined) return commit;
      }
      return undefined;
    });
  }

  findPull(number: number): Promise<Commit | undefined> {
    return this.#queue.add(async () => {
      if (!Number.isInteger(number) || number < 1) throw new Error('the number of a request is a whole one');
      // GitHub, Gitea and Forgejo; GitLab. A ref that is named whole and missing would be an error to git.
      const places = ['pull', 'merge-requests'].map((place) => `${place}/${number}`);
      await this.#fetch(places.map((place) => `+refs/${place}/hea*:refs/requests/${place}/hea*`));
      for (const place of places) {
        const commit = await this.#commit(`refs/requests/${place}/head`);
        if (commit !== undefined) return commit;
      }
      return undefined;
    });
  }

  async isOnBranch(sha: string): Promise<boolean> {
    await this.#opening();
    return isAncestor(this.#run, sha, `refs/heads/${this.#branch}`);
  }

  async authors(head: string, base?: string): Promise<Authorship> {
    await this.#opening();
    return readAuthors(this.#run, head, base);
  }

  async compare(base: string, head: string): Promise<Comparison> {
    await this.#opening();
    const between = await readBetween(this.#run, base, head);
    const [before, after] = [await this.#lockOf(base), await this.#lockOf(head)];
    const locks = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
    return { ...between, locks };
  }

  async nixFiles(sha: string, containing: string): Promise<readonly FlakeFile[]> {
    await this.#opening();
    if (!shaPattern.test(sha)) throw notThere(sha);
    const folder = this.#flakeDir === undefined ? '' : `${this.#flakeDir}/`;
    const flags = ['--files-with-matches', '--null', '--fixed-strings', '-I', '-e', containing];
    const found = await runGit(this.#run, ['grep', ...flags, sha, '--', `:(glob)${folder}**/*.nix`]);
    // git-grep(1) ends with 1 where nothing matches.
    if (found.exitCode !== 0 && found.exitCode !== 1) throw notThere(sha);
    const paths = found.stdout.split('\0').slice(0, -1);
    const files: FlakeFile[] = [];
    for (const path of paths.map((name) => name.slice(sha.length + 1)).slice(0, mostNixFiles)) {
      const size = Number(await this.#ok(['cat-file', '-s', `${sha}:${path}`]));
      if (size <= maxNixBytes)
        files.push({ path, text: await this.#ok(['cat-file', 'blob', `${sha}:${path}`], maxNixBytes) });
    }
    return files;
  }

  pin(sha: string, name: string): Promise<Source> {
    return this.#queue.add(async () => {
      await this.#open();
      const ref = pinRef(name);
      if (!shaPattern.test(sha) || (await this.#commit(sha)) === undefined) {
        throw new UserError(`The commit ${JSON.stringify(sha.slice(0, 64))} is not in the repository.`, {
          next: 'It may be gone from the branch: push again.',
        });
      }
      await this.#ok(['update-ref', '--no-deref', ref, sha]);
      const dir = this.#flakeDir === undefined ? {} : { dir: this.#flakeDir };
      const lock = await this.#lockOf(sha);
      return { mirror: this.#run.dir, ref, rev: sha, ...dir, ...(lock === undefined ? {} : { lock }) };
    });
  }

  unpin(name: string): Promise<void> {
    return this.#queue.add(async () => {
      await this.#open();
      await this.#ok(['update-ref', '--no-deref', '-d', pinRef(name)]);
    });
  }

  /** Does not wait for a fetch: reading the mirror is safe while one is under way. */
  async #opening(): Promise<void> {
    if (!this.#opened) await this.#queue.add(() => this.#open());
  }

  /**
   * Fetches branches and tags with their whole history, and deletes those that the repository has deleted. Pins are
   * separate refs and stay.
   */
  async #fetch(more: readonly string[] = []): Promise<void> {
    await this.#open();
    const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*', ...more];
    const flags = ['--prune', '--no-tags', '--no-write-fetch-head', '--quiet', '--end-of-options'];
    const result = await runGit(this.#run, ['fetch', ...flags, this.#run.remote.url, ...refspecs]);
    this.#log.debug({ exitCode: result.exitCode, timedOut: result.timedOut }, 'fetched');
    if (result.exitCode !== 0) throw fetchError(this.#run, result);
  }

  /** Makes the mirror, and removes lock files that a killed git left: nobody else writes here. */
  async #open(): Promise<void> {
    if (this.#opened) return;
    await mkdir(this.#run.dir, { recursive: true });
    await this.#ok(['init', '--quiet', '--template=', '--bare', this.#run.dir]);
    const names = await readdir(this.#run.dir, { recursive: true });
    const locks = names.filter((name) => name.endsWith('.lock') && !name.startsWith('objects'));
    for (const lock of locks) await rm(join(this.#run.dir, lock));
    this.#opened = true;
  }

  /** The only commit whose hash has this prefix. */
  async #expand(prefix: string): Promise<string | undefined> {
    const objects = (await this.#ok(['rev-parse', `--disambiguate=${prefix}`]))
      .split('\n')
      .filter((line) => line !== '');
    const types = await Promise.all(objects.map((object) => this.#ok(['cat-file', '-t', object])));
    const commits = objects.filter((_, index) => types[index]?.trim() === 'commit');
    if (commits.length < 2) return commits[0];
    throw new UserError(`${prefix} is the beginning of ${commits.length} commits.`, { next: 'Write more digits.' });
  }

  /** @param name a hash or a full ref that was checked */
  async #commit(name: string): Promise<Commit | undefined> {
    const verified = await runGit(this.#run, [
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${name}^{commit}`,
    ]);
    const sha = verified.stdout.trim();
    if (verified.exitCode !== 0 || !shaPattern.test(sha)) return undefined;
    // Fields of limited size come first, so that a subject of megabytes does not cut them off.
    const format = '--format=%H%x00%ct%x00%an%x00%s';
    const text = await this.#ok([
      'log',
      '-1',
      '--no-show-signature',
      '--encoding=UTF-8',
      format,
      '--end-of-options',
      sha,
      '--',
    ]);
    return readCommit(text);
  }

  #lockOf(sha: string): Promise<string | undefined> {
    return this.#file(sha, [...(this.#flakeDir?.split('/') ?? []), 'flake.lock'].join('/'));
  }

  /** The text of a file of a commit; `undefined` when there is none at that path. */
  async #file(sha: string, path: string): Promise<string | undefined> {
    const size = await runGit(this.#run, ['cat-file', '-s', `${sha}:${path}`]);
    if (size.exitCode !== 0) return undefined;
    if (Number(size.stdout) > maxFileBytes) {
      throw new UserError(`The file ${path} is larger than ${maxFileBytes / 2 ** 20} MiB.`, {
        next: 'Commit a smaller one.',
      });
    }
    return this.#ok(['cat-file', 'blob', `${sha}:${path}`], maxFileBytes);
  }

  async #ok(args: readonly string[], maxOutput?: number): Promise<string> {
    const result: GitResult = await runGit(this.#run, args, maxOutput);
    if (result.exitCode === 0) return result.stdout;
    const said = result.stderr.slice(-3).map((line) => withoutSecrets(line, this.#run.remote));
    throw new Error(`git ${args[0]} ended with ${result.exitCode}: ${said.join('; ')}`);
  }
}

function badSetting(what: string, value: string): UserError {
  return new UserError(`The ${what} ${JSON.stringify(value)} is none that proxnix uses.`, {
    next: 'Use letters, digits and . _ / + @ - without leading dots.',
  });
}

/** How many commits are looked at for their authors. */
export const mostCommits = 1000;
/** How many commits are told one by one. */
export const mostListed = 20;
/** Files that are read whole, and the bytes of one. */
const mostNixFiles = 50;
const maxNixBytes = 256 * 1024;
/** How many paths are told. */
const mostFiles = 200;
const longestText = 200;

/** Is a commit an ancestor of a ref, or the same commit? @throws UserError when the mirror cannot tell */
export async function isAncestor(run: GitRun, sha: string, ref: string): Promise<boolean> {
  if (!shaPattern.test(sha)) throw notThere(sha);
  // git-merge-base(1): 0 is yes, 1 is no, everything else is an error.
  const { exitCode } = await runGit(run, ['merge-base', '--is-ancestor', '--end-of-options', sha, ref]);
  if (exitCode !== 0 && exitCode !== 1) throw notThere(sha);
  return exitCode === 0;
}

/** Who wrote and committed `base..head`, or `head` alone. @throws UserError when the mirror does not have both */
export async function readAuthors(run: GitRun, head: string, base: string | undefined): Promise<Authorship> {
  for (const sha of [head, base ?? head]) if (!shaPattern.test(sha)) throw notThere(sha);
  const range = base === undefined ? [head] : [head, `^${base}`];
  const { exitCode, stdout } = await runGit(run, [
    ...['log', '--no-show-signature', '--encoding=UTF-8', `--max-count=${mostCommits + 1}`],
    ...(base === undefined ? ['--no-walk'] : []),
    // The names as the commit has them: a `.mailmap` is a file of the repository, and would rename people.
    ...['--format=%H%x00%an%x00%ae%x00%cn%x00%ce', '--end-of-options', ...range, '--'],
  ]);
  if (exitCode !== 0) throw notThere(base ?? head);
  const commits = stdout.split('\n').filter((line) => line !== '');
  const signatures = commits.slice(0, mostCommits).flatMap(readSignatures);
  // An output that reaches the limit was cut, so some authors were not read.
  const complete = commits.length <= mostCommits && !stdout.endsWith('…');
  return { signatures: distinct(signatures), complete };
}

/** The commits and files of `base..head`. @throws UserError when the mirror does not have both */
async function readBetween(run: GitRun, base: string, head: string): Promise<Omit<Comparison, 'locks'>> {
  for (const sha of [head, base]) if (!shaPattern.test(sha)) throw notThere(sha);
  const range = ['--no-merges', '--end-of-options', head, `^${base}`, '--'];
  const counted = await runGit(run, ['rev-list', '--count', `--max-count=${mostCommits}`, ...range]);
  if (counted.exitCode !== 0) throw notThere(base);
  const format = '--format=%H%x00%ct%x00%an%x00%s';
  const asked = ['log', '--no-show-signature', '--encoding=UTF-8', `--max-count=${mostListed}`, format, ...range];
  const { stdout } = await runGit(run, asked);
  const newest = stdout.split('\n').flatMap((line) => readCommit(line) ?? []);
  const trees = ['diff-tree', '-r', '--name-only', '--no-renames', '-z', '--end-of-options', base, head, '--'];
  const { stdout: names } = await runGit(run, trees);
  // The output may be cut inside of its last path.
  const files = names.split('\0').slice(0, -1).slice(0, mostFiles);
  return { newest, all: Number(counted.stdout), files };
}

function readCommit(line: string): Commit | undefined {
  const [sha = '', seconds = '', author = '', subject = ''] = line.split('\0');
  if (!shaPattern.test(sha)) return undefined;
  return shortCommit({ sha, subject, author, at: Number(seconds) * 1000 });
}

/** Each name and address once, with the first commit that has them. */
export function distinct(signatures: readonly Signature[]): readonly Signature[] {
  const byText = new Map<string, Signature>();
  for (const one of signatures) {
    const key = `${one.name}\0${one.email}`;
    if (!byText.has(key)) byText.set(key, one);
  }
  return [...byText.values()];
}

function readSignatures(line: string): readonly Signature[] {
  const [sha = '', author = '', authorEmail = '', committer = '', committerEmail = ''] = line.split('\0');
  return [
    { sha, name: author.slice(0, longestText), email: authorEmail.slice(0, longestText) },
    { sha, name: committer.slice(0, longestText), email: committerEmail.slice(0, longestText) },
  ];
}

function notThere(sha: string): UserError {
  return new UserError(`The mirror of the repository cannot tell where the commit ${sha.slice(0, 12)} belongs.`, {
    next: 'It may be gone from the repository: plan again.',
  });
}
