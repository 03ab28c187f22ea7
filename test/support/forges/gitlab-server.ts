import { Hono } from 'hono';
import type { CommitStatus } from '../../../src/forge/forge.ts';
import { bot } from './hub-server.ts';
import { ForgeState, idOf, type KeptComment, pageOf, serveForge } from './state.ts';

/** The rights of the token, for tests that take one away. */
export interface GitlabRights {
  level: number;
  scopes: string[];
}

/**
 * The calls of GitLab's API that proxnix makes, for the project `group/sub/fleet`. Fields and error texts as in its
 * reference (API v4: Commits, Notes, Projects, Personal access tokens); transitions of a status as lib/api/commit_statuses.rb
 * had them up to 18.3.
 */
export async function startGitlab(tokens: readonly string[]) {
  const state = new ForgeState(tokens);
  const rights: GitlabRights = { level: 30, scopes: ['api'] };
  const project = new Hono();
  const shown = ({ id, author, body }: KeptComment) => ({
    ...{ id, body, system: false, noteable_type: 'MergeRequest' },
    author: { id: idOf(author), username: author, name: author, state: 'active' },
  });
  const notFound = (what: string) => ({ message: `404 ${what} Not Found` });

  project.get('/', (c) =>
    c.json({
      ...{ id: 278964, path_with_namespace: 'group/sub/fleet', visibility: 'private' },
      permissions: { project_access: { access_level: rights.level, notification_level: 3 }, group_access: null },
    }),
  );
  project.post('/statuses/:sha', async (c) => {
    const sent: Readonly<Record<string, string>> = await c.req.json();
    const { state: given = '', name: context = 'default', description = '', target_url: url } = sent;
    if (!['pending', 'running', 'success', 'failed', 'canceled', 'skipped'].includes(given)) {
      return c.json({ error: 'state does not have a valid value' }, 400);
    }
    const sha = c.req.param('sha');
    if (!/^[0-9a-f]{40}$/.test(sha)) return c.json(notFound('Commit'), 404);
    const before = state.statuses.get(sha)?.findLast((one) => one.context === context);
    const status: CommitStatus = {
      ...{ state: given === 'success' || given === 'pending' ? given : 'failure', context, description },
      ...(url === undefined ? {} : { url }),
    };
    state.status(sha, status);
    if (before?.state === 'pending' && given === 'pending') {
      const reason = '(Reason(s): Status cannot transition via "enqueue")';
      return c.json({ message: `Cannot transition status via :enqueue from :pending ${reason}` }, 400);
    }
    return c.json(
      { id: 93, sha, ref: 'main', status: given, name: context, target_url: url ?? null, description },
      201,
    );
  });
  const notes = '/merge_requests/:number/notes';
  project.get(notes, (c) => {
    const all = state.comments.get(Number(c.req.param('number'))) ?? [];
    // The newest first, where nothing is said.
    const sorted = c.req.query('sort') === 'asc' ? all : all.toReversed();
    const size = Math.min(Number(c.req.query('per_page') ?? 20), state.pageSize);
    const { items, more } = pageOf(sorted, c.req.query('page'), size);
    if (more) c.header('link', '<https://elsewhere.example/notes?page=2>; rel="next"');
    return c.json(items.map(shown));
  });
  project.post(notes, async (c) => {
    const { body }: { body: string } = await c.req.json();
    return c.json(shown(state.add(Number(c.req.param('number')), bot, body)), 201);
  });
  project.put(`${notes}/:id`, async (c) => {
    const comment = state.find(Number(c.req.param('id')));
    if (comment === undefined) return c.json(notFound('Note'), 404);
    if (comment.author !== bot) return c.json({ message: '403 Forbidden' }, 403);
    const { body }: { body: string } = await c.req.json();
    comment.body = body;
    return c.json(shown(comment));
  });

  const app = new Hono();
  app.use(state.watch());
  app.use(async (c, next) => {
    if (state.tokens.has(c.req.header('private-token') ?? '')) return next();
    return c.json({ message: '401 Unauthorized' }, 401);
  });
  app.get('/git/api/v4/personal_access_tokens/self', (c) => c.json({ id: 4, active: true, scopes: rights.scopes }));
  app.route('/git/api/v4/projects/group%2Fsub%2Ffleet', project);
  app.notFound((c) => c.json(notFound('Project'), 404));
  const { url, close } = await serveForge(app);
  return { apiUrl: `${url}/git/api/v4`, state, rights, close };
}
