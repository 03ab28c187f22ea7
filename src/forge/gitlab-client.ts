import { z } from 'zod';
import { type CommentCalls, keepComment, markOf, shortDescription } from './comment.ts';
import type { CommitStatus, ForgeAccess, ForgeClient, ForgeOptions } from './forge.ts';
import { type Dialect, ForgeRefusal, ForgeRest } from './rest.ts';

const Note = z
  .object({ id: z.int(), body: z.string(), author: z.object({ id: z.int() }).nullish() })
  .transform(({ id, body, author }) => ({ id, body, author: author?.id ?? 0 }));

const Level = z.object({ access_level: z.int() }).nullish();
const Project = z.object({
  path_with_namespace: z.string(),
  permissions: z.object({ project_access: Level, group_access: Level }).nullish(),
});
const OwnToken = z.object({ scopes: z.array(z.string()) });

const states = { pending: 'pending', success: 'success', failure: 'failed' } as const;
/** Developer (GitLab, "Access levels"). */
const developer = 30;

/** GitLab's API, version 4, as far as it is used. */
export class GitlabClient implements ForgeClient {
  readonly #options: ForgeOptions;
  readonly #rest: ForgeRest;
  /** Path of the project, whose groups are part of its name. */
  readonly #path: string;

  constructor(options: ForgeOptions, rights: string) {
    const dialect: Dialect = { title: 'GitLab', rights, headers: (token) => ({ 'private-token': token }) };
    this.#options = options;
    this.#rest = new ForgeRest(options, dialect);
    this.#path = `/projects/${encodeURIComponent(options.project)}`;
  }

  async setStatus(sha: string, { state, context, description, url }: CommitStatus): Promise<void> {
    try {
      await this.#rest.ask({
        method: 'POST',
        path: `${this.#path}/statuses/${sha}`,
        body: {
          ...{ state: states[state], name: context, description: shortDescription(description) },
          ...(url === undefined ? {} : { target_url: url }),
        },
        answer: z.unknown(),
      });
    } catch (error) {
      // Up to GitLab 18.3 a status that stays as it is was refused, after its description was saved (lib/api/commit_statuses.rb).
      if (!isSameState(error)) throw error;
    }
  }

  async comment(number: number, about: string, text: string): Promise<void> {
    const notes = `${this.#path}/merge_requests/${number}/notes`;
    const calls: CommentCalls = {
      list: () => this.#rest.askPages(`${notes}?sort=asc&order_by=created_at&per_page=100&page=`, Note),
      create: async (body) => {
        await this.#rest.ask({ method: 'POST', path: notes, body: { body }, answer: z.unknown() });
      },
      edit: async (id, body) => {
        await this.#rest.ask({ method: 'PUT', path: `${notes}/${id}`, body: { body }, answer: z.unknown() });
      },
    };
    await keepComment(calls, markOf(this.#options, number, about), text);
  }

  async check(): Promise<ForgeAccess> {
    const { value: project } = await this.#rest.ask({ path: this.#path, answer: Project });
    const { value: token } = await this.#rest.ask({ path: '/personal_access_tokens/self', answer: OwnToken });
    const { project_access: own, group_access: group } = project.permissions ?? {};
    const level = Math.max(own?.access_level ?? 0, group?.access_level ?? 0);
    return {
      lacks: [
        ...(token.scopes.includes('api') ? [] : ['the scope api']),
        ...(level >= developer ? [] : ['the role Developer in the project']),
      ],
    };
  }
}

function isSameState(error: unknown): boolean {
  return error instanceof ForgeRefusal && error.status === 400 && error.said.includes('Cannot transition status');
}
