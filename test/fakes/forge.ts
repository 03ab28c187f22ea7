import type { UserError } from '../../src/core/errors.ts';
import { type CommentCalls, keepComment, markOf, shortDescription } from '../../src/forge/comment.ts';
import type { CommitStatus, ForgeAccess, ForgeBusy, ForgeClient } from '../../src/forge/forge.ts';
import { ForgeState } from '../support/forges/state.ts';

/** A forge in memory, for tests of what uses the port. */
export class FakeForge implements ForgeClient {
  readonly state: ForgeState;
  readonly #token: string;
  /** Set: every call fails with it. */
  broken: Error | undefined;
  /** Set: the next call fails with it. */
  once: ForgeBusy | UserError | undefined;
  /** How many calls wrote something or tried to. */
  writes = 0;

  constructor(state = new ForgeState([]), token = 'a-token-of-the-fake') {
    this.state = state;
    this.#token = token;
  }

  async setStatus(sha: string, status: CommitStatus): Promise<void> {
    this.#write();
    this.state.status(sha, { ...status, description: shortDescription(status.description) });
  }

  async comment(number: number, about: string, text: string): Promise<void> {
    const calls: CommentCalls = {
      list: async () => {
        this.#fail();
        const all = this.state.comments.get(number) ?? [];
        return all.map(({ id, body, author }) => ({ id, body, author: author === 'proxnix-bot' ? 1 : 2 }));
      },
      create: async (body) => {
        this.#write();
        this.state.add(number, 'proxnix-bot', body);
      },
      edit: async (id, body) => {
        this.#write();
        const comment = this.state.find(id);
        if (comment === undefined) throw new Error(`there is no comment ${id}`);
        comment.body = body;
      },
    };
    await keepComment(calls, markOf({ token: this.#token, project: 'acme/fleet' }, number, about), text);
  }

  async check(): Promise<ForgeAccess> {
    this.#fail();
    return { lacks: [] };
  }

  /** The texts of the comments on a request, without the hidden marks. */
  comments(number: number): readonly string[] {
    return (this.state.comments.get(number) ?? []).map(({ body }) => body.replace(/^<!--.*-->\n/, ''));
  }

  /** The newest status of a commit in short: `pending planning`. */
  status(sha: string, context: string): string | undefined {
    const status = this.state.statuses.get(sha)?.findLast((one) => one.context === context);
    return status === undefined ? undefined : `${status.state} ${status.description}`;
  }

  #write(): void {
    this.#fail();
    this.writes += 1;
  }

  #fail(): void {
    const { once } = this;
    this.once = undefined;
    if (once !== undefined) throw once;
    if (this.broken !== undefined) throw this.broken;
  }
}
