import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import PQueue from 'p-queue';
import { type Authorship, type Commit, shortCommit } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import type { Git, Source } from './git.ts';
import { isAncestor, readAuthors } from './history.ts';
import { dirPattern, pinRef, refPattern, refsOf, shaPattern, shortShaPattern } from './names.ts';
import { readRemote, withoutSecrets } from './remote.ts';
import { fetchError, type GitResult, type GitRun, runGit } from './run.ts';

/** Where the adapter tells what it does: static message, facts as fields (a pino logger fits). */
export interface GitLog {
  debug(facts: object, message: string): void;
}

/** What a mirror is made with; times in milliseconds. */
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
      // A hash first: nobody may take its place by a branch of that name.
      const sha = isHash ? await this.#expand(ref.toLowerCase()) : undefined;
      if (sha !== undefined) return this.#commit(sha);
      for (const name of refs) {
        const commit = await this.#commit(name);
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
      const lock = await this.#file(sha, [...(this.#flakeDir?.split('/') ?? []), 'flake.lock'].join('/'));
      return { mirror: this.#run.dir, ref, rev: sha, ...dir, ...(lock === undefined ? {} : { lock }) };
    });
  }

  unpin(name: string): Promise<void> {
    return this.#queue.add(async () => {
      await this.#open();
      await this.#ok(['update-ref', '--no-deref', '-d', pinRef(name)]);
    });
  }

  /** Waits for no fetch: who only reads the mirror may do so while one is under way. */
  async #opening(): Promise<void> {
    if (!this.#opened) await this.#queue.add(() => this.#open());
  }

  /** Branches and tags with their whole history; what is gone there goes here. Pins lie outside and stay. */
  async #fetch(): Promise<void> {
    await this.#open();
    const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
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

  /** The one commit whose hash begins so. */
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
    // What has a size first: a subject of megabytes is cut off behind it.
    const format = '--format=%ct%x00%an%x00%s';
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
    const [seconds = '', author = '', subject = ''] = text.split('\0');
    return shortCommit({ sha, subject, author, at: Number(seconds) * 1000 });
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
