import { type Context, Hono } from 'hono';
import type { CommitStatus } from '../../../src/forge/forge.ts';
import { ForgeState, idOf, type KeptComment, pageOf, serveForge } from './state.ts';

/** Who writes with the token. */
export const bot = 'proxnix-bot';

/** What GitHub, Gitea and Forgejo answer differently. */
interface Kind {
  /** In front of the token. */
  readonly scheme: 'Bearer' | 'token';
  /** Gitea and Forgejo give all comments of a request at once (swagger, issueGetComments). */
  readonly hasPages: boolean;
  /** The longest description of a status. */
  readonly longest: number | undefined;
}

const kinds = {
  github: { scheme: 'Bearer', hasPages: true, longest: 140 },
  gitea: { scheme: 'token', hasPages: false, longest: undefined },
  forgejo: { scheme: 'token', hasPages: false, longest: undefined },
} as const satisfies Record<string, Kind>;

/** The rights of the token, for tests that take one away. */
export interface HubRights {
  push: boolean;
  /** The scopes of a classic token of GitHub; `undefined`: a fine-grained one, which tells none. */
  scopes: string | undefined;
  /** The scope for issues of a token of Gitea or Forgejo. */
  issues: boolean;
}

/**
 * The calls of GitHub's API that proxnix makes, and those of Gitea and Forgejo, which took them over. Fields and error
 * texts as in the REST API's reference (api.github.com, 2022-11-28) and Gitea's swagger.
 */
export async function startHub(name: keyof typeof kinds, basePath: string, tokens: readonly string[]) {
  const kind: Kind = kinds[name];
  const state = new ForgeState(tokens);
  const rights: HubRights = { push: true, scopes: undefined, issues: true };
  const repo = new Hono();
  const notFound = (c: Context) => c.json({ message: 'Not Found' }, 404);
  const userOf = (author: string) => ({ id: idOf(author), login: author, type: 'User' });
  const shown = ({ id, author, body }: KeptComment) => ({
    id,
    body,
    user: userOf(author),
    created_at: '2026-01-01T00:00:00Z',
  });

  repo.get('/', (c) => {
    if (rights.scopes !== undefined) c.header('x-oauth-scopes', rights.scopes);
    const permissions = { admin: false, push: rights.push, pull: true };
    return c.json({ id: 1296269, name: 'Fleet', full_name: 'Ada/Fleet', private: true, permissions });
  });
  repo.get('/issues', (c) =>
    rights.issues
      ? c.json([])
      : c.json({ message: 'token does not have at least one of required scope(s): [read:issue]' }, 403),
  );
  repo.post('/statuses/:sha', async (c) => {
    const sent: Readonly<Record<string, string>> = await c.req.json();
    const { state: given = '', context = 'default', description = '', target_url: url } = sent;
    const isKnown = ['error', 'failure', 'pending', 'success'].includes(given);
    if (!isKnown || (kind.longest !== undefined && description.length > kind.longest)) {
      return c.json({ message: 'Validation Failed', errors: [{ resource: 'Status', code: 'custom' }] }, 422);
    }
    if (!/^[0-9a-f]{40}$/.test(c.req.param('sha'))) return c.json({ message: 'No commit found for SHA' }, 422);
    const status: CommitStatus = {
      ...{ state: given === 'success' || given === 'pending' ? given : 'failure', context, description },
      ...(url === undefined ? {} : { url }),
    };
    state.status(c.req.param('sha'), status);
    return c.json({ id: 1, state: given, status: given, context, description, target_url: url ?? null }, 201);
  });
  repo.get('/issues/:number/comments', (c) => {
    const all = state.comments.get(Number(c.req.param('number'))) ?? [];
    if (!kind.hasPages) return c.json(all.map(shown));
    const size = Math.min(Number(c.req.query('per_page') ?? 30), state.pageSize);
    const { items, more } = pageOf(all, c.req.query('page'), size);
    if (more)
      c.header(
        'link',
        '<https://elsewhere.example/comments?page=2>; rel="next", <https://elsewhere.example/>; rel="last"',
      );
    return c.json(items.map(shown));
  });
  repo.post('/issues/:number/comments', async (c) => {
    const { body }: { body: string } = await c.req.json();
    if (body.length > 65_536) return c.json({ message: 'Validation Failed' }, 422);
    return c.json(shown(state.add(Number(c.req.param('number')), bot, body)), 201);
  });
  repo.patch('/issues/comments/:id', async (c) => {
    const comment = state.find(Number(c.req.param('id')));
    if (comment === undefined) return notFound(c);
    if (comment.author !== bot) return c.json({ message: 'Must have admin rights to Repository.' }, 403);
    const { body }: { body: string } = await c.req.json();
    comment.body = body;
    return c.json(shown(comment));
  });

  const app = new Hono();
  app.use(state.watch());
  app.use(async (c, next) => {
    const [scheme, token = ''] = (c.req.header('authorization') ?? '').split(' ');
    if (scheme === kind.scheme && state.tokens.has(token)) return next();
    return c.json({ message: name === 'github' ? 'Bad credentials' : 'user does not exist [uid: 0, name: ]' }, 401);
  });
  // Names of repositories have no case on any of them.
  for (const path of ['Ada/Fleet', 'ada/fleet']) app.route(`${basePath}/repos/${path}`, repo);
  app.notFound(notFound);
  const { url, close } = await serveForge(app);
  return { apiUrl: `${url}${basePath}`, state, rights, close };
}
