import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { type CommitStatus, ForgeBusy, type ForgeClient } from '../../src/forge/forge.ts';

/** A forge with one repository and one request, number 7, and the hands of the people who use it. */
export interface ForgeWorld {
  readonly client: ForgeClient;
  /** A client of another process, with the same token. */
  readonly another: () => ForgeClient;
  /** A client with another token of the same account. */
  readonly renewed: () => ForgeClient;
  /** The statuses of a commit, the newest last. */
  readonly statuses: (sha: string) => readonly CommitStatus[];
  /** The texts of the comments on a request, the oldest first. */
  readonly comments: (number: number) => readonly string[];
  /** Somebody else comments. */
  readonly write: (number: number, text: string) => void;
  /** Somebody deletes a comment, by its place. */
  readonly remove: (number: number, at: number) => void;
  /** How many calls wrote something or tried to. */
  readonly writes: () => number;
  /** The next call is refused for its rate, with a wait of so many seconds, or without one. */
  readonly limit: (seconds?: number) => void;
  /** The token is taken away. */
  readonly revoke: () => void;
  /** From here on the forge cannot be reached. */
  readonly cutOff: () => Promise<void>;
}

const sha = '6dcb09b5b57875f334f61aebed695e2e4193db5e';
const pending: CommitStatus = { state: 'pending', context: 'proxnix/acme', description: 'planning' };

/** What every `ForgeClient` promises. */
export function forgeContract(name: string, open: () => Promise<ForgeWorld>): void {
  describe(`${name} as ForgeClient`, () => {
    it('gives a commit a status with a link, and then another one', async () => {
      const { client, statuses } = await open();
      await client.setStatus(sha, pending);
      const failure = {
        ...pending,
        state: 'failure',
        description: 'failed',
        url: 'https://bot.example/runs/r-1',
      } as const;
      await client.setStatus(sha, failure);
      const success = { ...pending, state: 'success', description: 'applied' } as const;
      await client.setStatus(sha, success);
      expect(statuses(sha)).toEqual([pending, failure, success]);
    });

    it('gives a status again that the commit has, with another description', async () => {
      const { client, statuses } = await open();
      await client.setStatus(sha, pending);
      await client.setStatus(sha, { ...pending, description: 'waits for approval' });
      expect(statuses(sha).at(-1)?.description).toBe('waits for approval');
    });

    it('cuts a description to one line of 140 characters', async () => {
      const { client, statuses } = await open();
      await client.setStatus(sha, { ...pending, description: `one\ntwo ${'ü'.repeat(500)}` });
      const [status] = statuses(sha);
      expect(status?.description).toHaveLength(140);
      expect(status?.description).toMatch(/^one two ü+…$/);
    });

    it('comments once, and edits that comment from then on', async () => {
      const { client, comments, write } = await open();
      write(7, 'Looks good to me.');
      await client.comment(7, 'acme', 'first');
      await client.comment(7, 'acme', 'second');
      expect(comments(7)).toEqual(['Looks good to me.', expect.stringMatching(/^<!-- proxnix \w+ -->\nsecond$/)]);
    });

    it('finds its comment again without any memory', async () => {
      const { client, another, comments } = await open();
      await client.comment(7, 'acme', 'first');
      await another().comment(7, 'acme', 'second');
      expect(comments(7)).toEqual([expect.stringContaining('second')]);
    });

    it('finds its comment among hundreds', async () => {
      const { client, comments, write } = await open();
      for (let n = 0; n < 250; n += 1) write(7, `comment ${n}`);
      await client.comment(7, 'acme', 'first');
      await client.comment(7, 'acme', 'second');
      expect(comments(7)).toHaveLength(251);
      expect(comments(7).at(-1)).toContain('second');
    });

    it('writes nothing where its comment says the same already', async () => {
      const { client, another, writes } = await open();
      await client.comment(7, 'acme', 'the same');
      const before = writes();
      await another().comment(7, 'acme', 'the same');
      expect(writes()).toBe(before);
    });

    it('has a comment for each subject and for each request', async () => {
      const { client, comments } = await open();
      await client.comment(7, 'acme', 'of acme');
      await client.comment(7, 'lab', 'of lab');
      await client.comment(8, 'acme', 'of another request');
      expect(comments(7)).toHaveLength(2);
      expect(comments(8)).toHaveLength(1);
    });

    it('comments anew where its comment is deleted', async () => {
      const { client, comments, remove } = await open();
      await client.comment(7, 'acme', 'first');
      remove(7, 0);
      await client.comment(7, 'acme', 'second');
      expect(comments(7)).toEqual([expect.stringContaining('second')]);
    });

    it('takes no comment for its own that quotes it, or that copies its mark', async () => {
      const { client, comments, write } = await open();
      await client.comment(7, 'acme', 'first');
      const [ours = ''] = comments(7);
      write(7, `> ${ours}\n\nWhat is that?`);
      await client.comment(7, 'acme', 'second');
      expect(comments(7)[0]).toContain('second');
      write(7, ours);
      await client.comment(7, 'acme', 'third');
      expect(comments(7).slice(1)).toEqual([
        expect.stringContaining('What is that?'),
        ours,
        expect.stringContaining('third'),
      ]);
    });

    it('comments anew after its token was replaced', async () => {
      const { client, renewed, comments } = await open();
      await client.comment(7, 'acme', 'first');
      await renewed().comment(7, 'acme', 'second');
      await renewed().comment(7, 'acme', 'third');
      expect(comments(7)).toEqual([expect.stringContaining('first'), expect.stringContaining('third')]);
    });

    it('tells that nothing is missing of the rights, as far as reading shows', async () => {
      const { client, writes } = await open();
      expect((await client.check()).lacks).toEqual([]);
      expect(writes()).toBe(0);
    });

    it.each([60, undefined])('says that the forge asks to wait (%s s), and does nothing then', async (seconds) => {
      const { client, limit, statuses } = await open();
      limit(seconds);
      const busy = await client.setStatus(sha, pending).catch((error: unknown) => error);
      expect(busy).toBeInstanceOf(ForgeBusy);
      expect(busy).toMatchObject({ ms: seconds === undefined ? undefined : 60_000 });
      expect(statuses(sha)).toEqual([]);
      await client.setStatus(sha, pending);
      expect(statuses(sha)).toEqual([pending]);
    });

    it('says in a sentence that the token does not count', async () => {
      const { client, revoke } = await open();
      revoke();
      for (const call of [client.setStatus(sha, pending), client.comment(7, 'acme', 'text'), client.check()]) {
        await expect(call).rejects.toThrow(UserError);
        await expect(call).rejects.toThrow(/FORGE_TOKEN/);
      }
    });

    it('says in a sentence that the forge cannot be reached, which may pass', async () => {
      const { client, cutOff } = await open();
      await cutOff();
      await expect(client.setStatus(sha, pending)).rejects.toMatchObject({ name: 'UserError', mayPass: true });
    });
  });
}
