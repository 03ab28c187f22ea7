import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { gitContract } from '../contracts/git.ts';
import { FakeGit } from './git.ts';

gitContract('FakeGit', async () => {
  const git = new FakeGit({ flakeDir: 'fleet' });
  return {
    git,
    async push(subject, branch, by) {
      const sha = createHash('sha1').update(`${subject} ${branch}`).digest('hex');
      const [author = 'Ada Löve', authorEmail = 'ada@example.org'] = by?.author ?? [];
      const [committer = 'Ada', committerEmail = 'ada@example.org'] = by?.committer ?? [];
      git.push({ sha, subject, author, authorEmail, committer, committerEmail, at: 1_750_000_000_000 }, branch);
      return sha;
    },
    forcePush: async (sha) => git.point('refs/heads/main', sha),
    tag: async (name, sha) => git.point(`refs/tags/${name}`, sha),
    async pushPull(subject, number) {
      const sha = createHash('sha1').update(`${subject} ${number}`).digest('hex');
      git.pushPull({ sha, subject, author: 'Ada Löve', at: 1_750_000_000_000 }, number);
      return sha;
    },
    deleteBranch: async (branch) => git.point(`refs/heads/${branch}`, undefined),
    async cutOff() {
      git.unreachable = new UserError('The repository cannot be fetched.');
    },
  };
});

it('tells a test what is pinned', async () => {
  const git = new FakeGit();
  git.push({ sha: 'a'.repeat(40), subject: 'first', author: 'Ada', at: 0 });
  await git.pin('a'.repeat(40), 'r-1');
  expect(git.pinned('r-1')).toBe('a'.repeat(40));
  await git.unpin('r-1');
  expect(git.pinned('r-1')).toBeUndefined();
});
