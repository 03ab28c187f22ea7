import { describe, expect, it } from 'vitest';
import type { Commit } from '../../src/core/commit.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Git } from '../../src/git/git.ts';

/** Whom a commit names; absent: Ada Löve as author, Ada as committer. */
export interface Signed {
  readonly author: readonly [name: string, email: string];
  readonly committer: readonly [name: string, email: string];
}

/** A repository as other people see it, with the adapter under test beside it. */
export interface GitWorld {
  readonly git: Git;
  /** A new commit on a branch (default: the one configured, `main`). @returns its hash */
  readonly push: (subject: string, branch?: string, by?: Signed) => Promise<string>;
  /** The branch goes back to a commit and forgets what came after. */
  readonly forcePush: (sha: string) => Promise<void>;
  readonly tag: (name: string, sha: string) => Promise<void>;
  /** A new commit becomes the head of a pull request, as its forge keeps it. @returns its hash */
  readonly pushPull: (subject: string, number: number) => Promise<string>;
  readonly deleteBranch: (branch: string) => Promise<void>;
  /** From here on the repository cannot be reached. */
  readonly cutOff: () => Promise<void>;
}

/** What every `Git` promises. @param open makes a repository with no commit, whose branch is `main` and flake folder `fleet` */
export function gitContract(name: string, open: () => Promise<GitWorld>): void {
  describe(`${name} as Git`, () => {
    it('tells the newest commit of the branch', async () => {
      const { git, push } = await open();
      await push('first');
      expect((await git.head()).subject).toBe('first');
      const sha = await push('second: with "quotes", $(id) and ümlauts');
      const head = await git.head();
      expect(head).toEqual<Commit>({
        sha,
        subject: 'second: with "quotes", $(id) and ümlauts',
        author: 'Ada Löve',
        at: 1_750_000_000_000,
      });
    });

    it('tells what a commit has that another one has not, the newest commit first', async () => {
      const { git, push } = await open();
      const first = await push('first');
      await push('second');
      await push(`third ${'x'.repeat(1_000_000)}`);
      const head = await git.head();
      const { newest, all } = await git.compare(first, head.sha);
      expect(newest.map(({ subject }) => subject.slice(0, 6))).toEqual(['third ', 'second']);
      expect(newest[0]).toEqual(head);
      expect(all).toBe(2);
      expect(await git.compare(head.sha, head.sha)).toEqual({ newest: [], all: 0, files: [], locks: {} });
      await expect(git.compare('0'.repeat(40), head.sha)).rejects.toThrow(UserError);
    });

    it('tells a subject of megabytes in short, on one line', async () => {
      const { git, push } = await open();
      await push(`real subject\rfake subject ${'x'.repeat(3_000_000)}`);
      const { subject } = await git.head();
      expect(subject).toMatch(/^real subject fake subject x+…$/);
      expect(Buffer.byteLength(subject)).toBeLessThanOrEqual(300);
    });

    it('refuses a branch that does not exist and names it', async () => {
      const { git, push } = await open();
      await push('elsewhere', 'other');
      await expect(git.head()).rejects.toThrow(UserError);
      await expect(git.head()).rejects.toThrow(/no branch main/);
    });

    it('refuses a branch that was deleted after it was seen', async () => {
      const { git, push, deleteBranch } = await open();
      await push('first');
      await git.head();
      await deleteBranch('main');
      await expect(git.head()).rejects.toThrow(/no branch main/);
    });

    it('follows a force push back', async () => {
      const { git, push, forcePush } = await open();
      const first = await push('first');
      await push('second');
      await git.head();
      await forcePush(first);
      expect((await git.head()).sha).toBe(first);
    });

    it('finds a commit by its hash, whole and short, by branch and by tag', async () => {
      const { git, push, tag } = await open();
      const first = await push('first');
      const side = await push('on the side', 'feature/a-b');
      await push('second');
      await tag('v1.0', first);
      for (const ref of [first, first.slice(0, 7), first.slice(0, 12).toUpperCase(), 'v1.0', 'refs/tags/v1.0']) {
        expect((await git.find(ref))?.sha, ref).toBe(first);
      }
      expect((await git.find('feature/a-b'))?.subject).toBe('on the side');
      expect((await git.find('refs/heads/feature/a-b'))?.sha).toBe(side);
    });

    it('prefers a hash to a branch that took its name', async () => {
      const { git, push } = await open();
      const first = await push('first');
      await push('a trap', first.slice(0, 8));
      expect((await git.find(first.slice(0, 8)))?.sha).toBe(first);
    });

    it('prefers a branch to a tag of the same name', async () => {
      const { git, push, tag } = await open();
      const first = await push('first');
      const side = await push('on the side', 'twice');
      await tag('twice', first);
      expect((await git.find('twice'))?.sha).toBe(side);
    });

    it('finds nothing for what is no hash, branch or tag', async () => {
      const { git, push } = await open();
      await push('first');
      await git.pin((await git.head()).sha, 'secret');
      const strange = [
        'nowhere',
        'abc123',
        'ffffffff',
        '',
        '-',
        '--all',
        '--upload-pack=touch /tmp/x',
        'main~0',
        'main^{commit}',
        'main@{0}',
        'main:flake.nix',
        ':/first',
        'HEAD',
        '../main',
        'a..main',
        'refs/proxnix/secret',
        'refs/remotes/origin/main',
        'main\n',
        'main main',
        '$(id)',
        ';id',
      ];
      for (const ref of strange) expect(await git.find(ref), ref).toBeUndefined();
    });

    it('finds the head of a pull request by its number, and pins it', async () => {
      const { git, push, pushPull } = await open();
      await push('first');
      const seven = await pushPull('of seven', 7);
      const eight = await pushPull('of eight', 8);
      expect(await git.findPull(7)).toMatchObject({ sha: seven, subject: 'of seven' });
      expect((await git.findPull(8))?.sha).toBe(eight);
      expect((await git.pin(seven, 'r-1')).rev).toBe(seven);
      expect(await git.isOnBranch(seven)).toBe(false);
      const newer = await pushPull('of seven, again', 7);
      expect((await git.findPull(7))?.sha).toBe(newer);
      expect(await git.findPull(9)).toBeUndefined();
      expect(await git.findPull(70)).toBeUndefined();
    });

    it('finds a pull request by no ref that a person types', async () => {
      const { git, push, pushPull } = await open();
      await push('first');
      await pushPull('of seven', 7);
      await git.findPull(7);
      for (const ref of ['refs/pull/7/head', 'pull/7/head', 'refs/requests/pull/7/head', 'requests/pull/7/head']) {
        expect(await git.find(ref), ref).toBeUndefined();
      }
    });

    it('knows which commits are on the branch: its head and what came before', async () => {
      const { git, push, forcePush } = await open();
      const first = await push('first');
      const second = await push('second');
      const side = await push('on the side', 'feature');
      await git.head();
      expect(await git.isOnBranch(first)).toBe(true);
      expect(await git.isOnBranch(second)).toBe(true);
      expect(await git.isOnBranch(side)).toBe(false);
      await forcePush(first);
      await git.head();
      expect(await git.isOnBranch(first)).toBe(true);
      expect(await git.isOnBranch(second)).toBe(false);
    });

    it('answers for the branch as it was fetched last while the repository is away', async () => {
      const { git, push, cutOff } = await open();
      const sha = await push('first');
      const side = await push('on the side', 'feature');
      await git.head();
      await cutOff();
      expect(await git.isOnBranch(sha)).toBe(true);
      expect(await git.isOnBranch(side)).toBe(false);
      expect((await git.authors(sha)).complete).toBe(true);
    });

    it('does not take what it cannot tell for a no', async () => {
      const { git, push, deleteBranch } = await open();
      const sha = await push('first');
      await push('elsewhere', 'other');
      await git.head();
      for (const strange of ['f'.repeat(40), 'main', '', '--all', sha.slice(0, 12)]) {
        await expect(git.isOnBranch(strange), strange).rejects.toThrow(UserError);
        await expect(git.authors(strange), strange).rejects.toThrow(UserError);
        await expect(git.authors(sha, strange), strange).rejects.toThrow(UserError);
      }
      await deleteBranch('main');
      await git.find('other');
      await expect(git.isOnBranch(sha)).rejects.toThrow(UserError);
    });

    it('tells who wrote and who committed each commit since another, newest first', async () => {
      const { git, push } = await open();
      const by = (author: string, committer: string): Signed => ({
        author: [author, `${author}@example.org`],
        committer: [committer, `${committer}@example.org`],
      });
      const first = await push('first', 'main', by('ada', 'ada'));
      const second = await push('second', 'main', by('eve', 'forge'));
      const third = await push('third', 'main', by('ada', 'forge'));
      await git.head();
      expect(await git.authors(third, first)).toEqual({
        complete: true,
        signatures: [
          { sha: third, name: 'ada', email: 'ada@example.org' },
          { sha: third, name: 'forge', email: 'forge@example.org' },
          { sha: second, name: 'eve', email: 'eve@example.org' },
        ],
      });
      expect(await git.authors(first, third)).toEqual({ complete: true, signatures: [] });
      expect((await git.authors(third)).signatures.map(({ sha }) => sha)).toEqual([third, third]);
    });

    it('pins a commit where Nix can read it, in the folder of the flake', async () => {
      const { git, push } = await open();
      const sha = await push('first');
      await git.head();
      expect(await git.pin(sha, 'r-12')).toMatchObject({ ref: 'refs/proxnix/r-12', rev: sha, dir: 'fleet' });
    });

    it('keeps a pinned commit through a force push', async () => {
      const { git, push, forcePush } = await open();
      const first = await push('first');
      const second = await push('second');
      await git.head();
      await git.pin(second, 'r-1');
      await forcePush(first);
      await git.head();
      expect((await git.find(second))?.subject).toBe('second');
      expect((await git.pin(second, 'r-2')).rev).toBe(second);
    });

    it('moves a pin that is used again, and lets go of pins it knows and of those it does not', async () => {
      const { git, push } = await open();
      const first = await push('first');
      const second = await push('second');
      await git.head();
      await git.pin(first, 'r-1');
      expect((await git.pin(second, 'r-1')).rev).toBe(second);
      await git.unpin('r-1');
      await git.unpin('r-1');
      await git.unpin('never-there');
    });

    it('pins nothing under a name that is no name, and no commit that is not there', async () => {
      const { git, push } = await open();
      const sha = await push('first');
      await git.head();
      for (const name of ['', '../heads/main', 'a/b', '-d', 'a b', 'x.lock', 'a..b']) {
        await expect(git.pin(sha, name), name).rejects.toThrow();
        await expect(git.unpin(name), name).rejects.toThrow();
      }
      await expect(git.pin('f'.repeat(40), 'r-1')).rejects.toThrow(UserError);
      await expect(git.pin('main', 'r-1')).rejects.toThrow(UserError);
      await expect(git.pin('--stdin', 'r-1')).rejects.toThrow(UserError);
    });

    it('says so when the repository cannot be reached, and keeps what it had', async () => {
      const { git, push, cutOff } = await open();
      const sha = await push('first');
      await git.head();
      await cutOff();
      await expect(git.head()).rejects.toThrow(UserError);
      await expect(git.find('main')).rejects.toThrow(UserError);
      expect((await git.pin(sha, 'r-1')).rev).toBe(sha);
    });

    it('answers calls that come at the same time', async () => {
      const { git, push } = await open();
      const sha = await push('first');
      await git.head();
      const calls = Array.from({ length: 6 }, async (_, index) => {
        await git.pin(sha, `r-${index}`);
        const head = await git.head();
        await git.unpin(`r-${index}`);
        return head.sha;
      });
      expect(new Set(await Promise.all(calls))).toEqual(new Set([sha]));
    });
  });
}
