import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import type { GitWorld, Signed } from '../contracts/git.ts';

/** A bare repository that people push to, made by plain git. */
export interface Origin {
  readonly dir: string;
  /** A folder for whatever else the test needs; removed with the origin. */
  readonly scratch: string;
  readonly push: GitWorld['push'];
  readonly forcePush: (sha: string) => Promise<void>;
  readonly tag: (name: string, sha: string) => Promise<void>;
  readonly pushPull: GitWorld['pushPull'];
  readonly deleteBranch: (branch: string) => Promise<void>;
  readonly cutOff: () => Promise<void>;
  readonly git: (...args: string[]) => Promise<string>;
}

/** Removed when the test that asked for it is finished. */
export async function aFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-git-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function anOrigin(): Promise<Origin> {
  const scratch = await aFolder();
  const dir = join(scratch, 'served', 'origin.git');
  await mkdir(dir, { recursive: true });
  const git = async (...args: string[]) => (await gitAs({}, ...args)).stdout;
  const gitAs = (env: Readonly<Record<string, string>>, ...args: string[]) =>
    execa('git', args, { cwd: dir, env: { ...plainGit, ...env }, extendEnv: true });
  await git('init', '--quiet', '--bare', '--initial-branch=main');
  const tip = async (ref: string) => git('rev-parse', '--verify', '--quiet', ref).catch(() => undefined);
  return {
    dir,
    scratch,
    git,
    async push(subject, branch = 'main', by) {
      const parent = await tip(`refs/heads/${branch}`);
      const tree = await git('hash-object', '-w', '-t', 'tree', '/dev/null');
      const parents = parent === undefined ? [] : ['-p', parent];
      const message = `${subject}\n\nMore words.`;
      // Over stdin: an argument may not be megabytes.
      const { stdout: sha } = await execa('git', ['commit-tree', tree, ...parents], {
        ...{ cwd: dir, env: { ...plainGit, ...signedBy(by) }, extendEnv: true },
        input: message,
      });
      await git('update-ref', `refs/heads/${branch}`, sha);
      return sha;
    },
    async forcePush(sha) {
      await git('update-ref', 'refs/heads/main', sha);
    },
    async tag(name, sha) {
      await git('tag', '--annotate', '--message', 'A release', name, sha);
    },
    async pushPull(subject, number) {
      const parent = await tip('refs/heads/main');
      const tree = await git('hash-object', '-w', '-t', 'tree', '/dev/null');
      const sha = await git('commit-tree', tree, ...(parent === undefined ? [] : ['-p', parent]), '-m', subject);
      await git('update-ref', `refs/pull/${number}/head`, sha);
      return sha;
    },
    async deleteBranch(branch) {
      await git('update-ref', '-d', `refs/heads/${branch}`);
    },
    async cutOff() {
      await rename(dir, `${dir}.away`);
    },
  };
}

function signedBy(by: Signed | undefined): Readonly<Record<string, string>> {
  if (by === undefined) return {};
  return {
    GIT_AUTHOR_NAME: by.author[0],
    GIT_AUTHOR_EMAIL: by.author[1],
    GIT_COMMITTER_NAME: by.committer[0],
    GIT_COMMITTER_EMAIL: by.committer[1],
  };
}

const plainGit = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada Löve',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_AUTHOR_DATE: '1750000000 +0200',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_COMMITTER_DATE: '1750000000 +0200',
};
