import { z } from 'zod';
import { type CommentCalls, keepComment, markOf, shortDescription } from './comment.ts';
import type { CommitStatus, ForgeAccess, ForgeClient, ForgeOptions } from './forge.ts';
import { BranchName, type PullFields, PullNumber, type PushFields, Ref, RepositoryPath, Sha } from './payload.ts';
import { type Answered, type Dialect, ForgeRest } from './rest.ts';

/** A push as GitHub, Gitea and Forgejo spell it. */
export const HubPush: z.ZodType<PushFields> = z
  .object({ ref: Ref, after: Sha, repository: z.object({ full_name: RepositoryPath }) })
  .transform(({ ref, after, repository }) => ({ ref, after, repository: repository.full_name }));

const HubRepository = z.object({ full_name: RepositoryPath });

/**
 * A pull request as they spell it. `synchronize` is GitHub's word for new commits, `synchronized` that of the others.
 * An edit counts where it moves the request to another branch: GitHub names that `base`, Gitea and Forgejo `ref`.
 */
export const HubPull: z.ZodType<PullFields | undefined> = z
  .object({
    action: z.string(),
    repository: HubRepository,
    pull_request: z.object({
      number: PullNumber,
      base: z.object({ ref: BranchName }),
      // Null: the repository that it came from is deleted.
      head: z.object({ sha: Sha, repo: HubRepository.nullish() }),
    }),
    changes: z.object({ base: z.unknown().optional(), ref: z.unknown().optional() }).nullish(),
  })
  .transform(({ action, repository, pull_request: { number, base, head }, changes }): PullFields | undefined => {
    const isMoved = action === 'edited' && (changes?.base !== undefined || changes?.ref !== undefined);
    const isPushed = ['opened', 'reopened', 'synchronize', 'synchronized'].includes(action) || isMoved;
    if (!isPushed && action !== 'closed') return undefined;
    return {
      repository: repository.full_name,
      number,
      head: head.sha,
      base: base.ref,
      isFork: head.repo?.full_name.toLowerCase() !== repository.full_name.toLowerCase(),
      action: isPushed ? 'pushed' : 'closed',
    };
  });

const HubComment = z
  .object({ id: z.int(), body: z.string().nullish(), user: z.object({ id: z.int() }).nullish() })
  // A deleted account has no user.
  .transform(({ id, body, user }) => ({ id, body: body ?? '', author: user?.id ?? 0 }));

/** The repository, and what the person of the token may do in it. */
export const HubRepositoryAnswer = z.object({
  full_name: z.string(),
  permissions: z.object({ push: z.boolean() }).nullish(),
});

/** What differs between GitHub and the others beside the headers. */
export interface HubDialect extends Dialect {
  /** Reads what it can of the token's rights. */
  readonly access: (
    rest: ForgeRest,
    repository: Answered<z.output<typeof HubRepositoryAnswer>>,
    path: string,
  ) => Promise<ForgeAccess>;
}

/** The API that Gitea and Forgejo have taken over from GitHub, as far as it is used. */
export class HubClient implements ForgeClient {
  readonly #options: ForgeOptions;
  readonly #rest: ForgeRest;
  readonly #dialect: HubDialect;
  /** Path of the repository. */
  readonly #path: string;

  constructor(options: ForgeOptions, dialect: HubDialect) {
    this.#options = options;
    this.#rest = new ForgeRest(options, dialect);
    this.#dialect = dialect;
    this.#path = `/repos/${options.project.split('/').map(encodeURIComponent).join('/')}`;
  }

  async setStatus(sha: string, { state, context, description, url }: CommitStatus): Promise<void> {
    await this.#rest.ask({
      method: 'POST',
      path: `${this.#path}/statuses/${sha}`,
      body: {
        ...{ state, context, description: shortDescription(description) },
        ...(url === undefined ? {} : { target_url: url }),
      },
      answer: z.unknown(),
    });
  }

  async comment(number: number, about: string, text: string): Promise<void> {
    const comments = `${this.#path}/issues/${number}/comments`;
    const calls: CommentCalls = {
      list: () => this.#rest.askPages(`${comments}?per_page=100&page=`, HubComment),
      create: async (body) => {
        await this.#rest.ask({ method: 'POST', path: comments, body: { body }, answer: z.unknown() });
      },
      edit: async (id, body) => {
        const path = `${this.#path}/issues/comments/${id}`;
        await this.#rest.ask({ method: 'PATCH', path, body: { body }, answer: z.unknown() });
      },
    };
    await keepComment(calls, markOf(this.#options, number, about), text);
  }

  async check(): Promise<ForgeAccess> {
    const repository = await this.#rest.ask({ path: this.#path, answer: HubRepositoryAnswer });
    return this.#dialect.access(this.#rest, repository, this.#path);
  }
}
