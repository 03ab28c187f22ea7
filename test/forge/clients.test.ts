import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ForgeOptions } from '../../src/forge/forge.ts';
import { forgejo, gitea } from '../../src/forge/gitea.ts';
import { github } from '../../src/forge/github.ts';
import { gitlab } from '../../src/forge/gitlab.ts';
import { forgeContract } from '../contracts/forge.ts';
import { startGitlab } from '../support/forges/gitlab-server.ts';
import { startHub } from '../support/forges/hub-server.ts';

const token = 'a-token-that-nobody-knows';
const nextToken = 'the-token-after-that-one';
const tokens = [token, nextToken];
const sha = '6dcb09b5b57875f334f61aebed695e2e4193db5e';
const status = { state: 'pending', context: 'proxnix/acme', description: 'planning' } as const;

const kinds = [
  { forge: github, project: 'Ada/Fleet', start: () => startHub('github', '', tokens) },
  { forge: gitea, project: 'Ada/Fleet', start: () => startHub('gitea', '/api/v1', tokens) },
  { forge: forgejo, project: 'Ada/Fleet', start: () => startHub('forgejo', '/git/api/v1', tokens) },
  { forge: gitlab, project: 'group/sub/fleet', start: () => startGitlab(tokens) },
];

async function open({ forge, project, start }: (typeof kinds)[number], options: Partial<ForgeOptions> = {}) {
  const server = await start();
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await server.close();
    isClosed = true;
  };
  onTestFinished(close);
  const { apiUrl, state } = server;
  const made = (change: Partial<ForgeOptions> = {}) => forge.client({ apiUrl, project, token, ...options, ...change });
  return { ...server, close, state, made, client: made() };
}

for (const kind of kinds) {
  forgeContract(kind.forge.title, async () => {
    const { state, made, client, close } = await open(kind);
    return {
      client,
      another: () => made(),
      renewed: () => made({ token: nextToken }),
      statuses: (commit) => state.statuses.get(commit) ?? [],
      comments: (number) => (state.comments.get(number) ?? []).map(({ body }) => body),
      write: (number, text) => void state.add(number, 'eve', text),
      remove: (number, at) => void state.comments.set(number, (state.comments.get(number) ?? []).toSpliced(at, 1)),
      writes: () => state.seen.filter(({ method }) => method !== 'GET').length,
      limit: (seconds) => {
        const headers: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) };
        state.instead = { status: 429, headers, body: { message: 'Too Many Requests' } };
      },
      revoke: () => {
        state.tokens.clear();
      },
      cutOff: close,
    };
  });
}

/** The API of one forge alone, for what does not depend on the forge. */
const [onGithub, onGitea, , onGitlab] = kinds as [
  (typeof kinds)[number],
  (typeof kinds)[number],
  (typeof kinds)[number],
  (typeof kinds)[number],
];

describe('the address of an API', () => {
  it.each([
    [github, 'https://github.com', 'https://api.github.com'],
    [github, 'https://git.example.org', 'https://git.example.org/api/v3'],
    [gitlab, 'https://gitlab.com', 'https://gitlab.com/api/v4'],
    [gitea, 'https://git.example.org/git', 'https://git.example.org/git/api/v1'],
    [forgejo, 'https://codeberg.org', 'https://codeberg.org/api/v1'],
  ])('of $title at %s is %s', (forge, webUrl, apiUrl) => {
    expect(forge.apiUrl(webUrl)).toBe(apiUrl);
  });

  it('has a project of GitLab with its groups as one part', async () => {
    const { client, state } = await open(onGitlab);
    await client.setStatus(sha, status);
    expect(state.seen[0]?.path).toBe(`/git/api/v4/projects/group%2Fsub%2Ffleet/statuses/${sha}`);
  });
});

describe('a call', () => {
  it.each([301, 302, 307, 308])('sends the token to no other address: %s', async (code) => {
    const elsewhere = await open(onGithub);
    const { client, state } = await open(onGithub);
    const location = `${elsewhere.apiUrl}/repos/Ada/Fleet/statuses/${sha}`;
    state.instead = { status: code, headers: { location } };
    await expect(client.setStatus(sha, status)).rejects.toThrow(/another address/);
    expect(elsewhere.state.seen).toEqual([]);
  });

  it('does not follow the address of a next page either', async () => {
    const { client, state } = await open(onGithub);
    state.pageSize = 1;
    state.add(7, 'eve', 'one');
    state.add(7, 'eve', 'two');
    await client.comment(7, 'acme', 'text');
    const lists = state.seen.filter(({ method }) => method === 'GET');
    expect(lists.map(({ path }) => path.replace(/.*&/, ''))).toEqual(['page=1', 'page=2']);
  });

  it.each([
    ['no JSON', '<html>a proxy</html>'],
    ['another form', { items: [] }],
  ])('says that an answer cannot be read: %s', async (_, body) => {
    const { client, state } = await open(onGithub);
    state.instead = { status: 200, body };
    await expect(client.check()).rejects.toThrow(/a form that proxnix does not know/);
  });

  it('reads no answer without end', async () => {
    const { client, state } = await open(onGithub);
    state.instead = { status: 200, body: `"${'x'.repeat(17 * 2 ** 20)}"` };
    await expect(client.check()).rejects.toThrow(/does not answer \(max-size\)/);
  });

  it('waits for no answer without end', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = github.client({ apiUrl: `http://127.0.0.1:${port}`, project: 'a/b', token, timeoutMs: 50 });
    await expect(client.check()).rejects.toThrow(/does not answer \(timeout\)/);
  }, 10_000);

  it.each([
    [401, /does not accept FORGE_TOKEN \(401: that is why\)/],
    [403, /does not let FORGE_TOKEN do this \(403: that is why\)/],
    [404, /has no Ada\/Fleet, or FORGE_TOKEN may not see this of it/],
    [422, /refuses what proxnix sent \(422: that is why\)/],
    [502, /cannot answer now \(502: that is why\)/],
  ])('that ends with %s says so in a sentence, with what the forge says', async (code, sentence) => {
    const { client, state } = await open(onGithub);
    state.instead = { status: code, body: { message: 'that\nis why' } };
    const error: unknown = await client.setStatus(sha, status).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(sentence), mayPass: code === 502 });
    expect(JSON.stringify(error)).not.toContain(token);
  });

  it('cuts what the forge says', async () => {
    const { client, state } = await open(onGitea);
    state.instead = { status: 422, body: { message: 'x'.repeat(100_000) } };
    const error = await client.setStatus(sha, status).catch((thrown: Error) => thrown);
    expect(String(error).length).toBeLessThan(600);
  });

  it.each([
    ['GitHub, at the end of its hour', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1090' }, {}, 90_000],
    ['GitHub, for too many at once', 403, {}, { message: 'You have exceeded a secondary rate limit.' }, undefined],
    ['GitLab', 429, { 'ratelimit-reset': '1030' }, {}, 30_000],
    ['a proxy', 503, { 'retry-after': 'Thu, 01 Jan 1970 00:17:00 GMT' }, {}, 20_000],
  ])('is limited by %s', async (_, code, headers, body, ms) => {
    const { client, state } = await open(onGithub, { now: () => 1_000_000 });
    state.instead = { status: code, headers, body };
    await expect(client.setStatus(sha, status)).rejects.toMatchObject({ name: 'ForgeBusy', ms });
  });

  it('that is forbidden is no limit', async () => {
    const { client, state } = await open(onGithub);
    state.instead = { status: 403, headers: { 'x-ratelimit-remaining': '4999' }, body: { message: 'Forbidden' } };
    await expect(client.setStatus(sha, status)).rejects.toMatchObject({
      next: expect.stringContaining('Commit statuses'),
    });
  });
});

describe('the check of a token', () => {
  it('of GitHub, classic, names the missing scopes', async () => {
    const { client, rights } = await open(onGithub);
    if (!('push' in rights)) throw new Error('no rights of GitHub');
    rights.scopes = 'repo:status, read:org';
    expect(await client.check()).toEqual({ lacks: [expect.stringContaining('scope repo for comments')] });
    rights.scopes = '';
    expect((await client.check()).lacks).toHaveLength(2);
    rights.scopes = 'repo';
    expect(await client.check()).toEqual({ lacks: [] });
  });

  it('of GitHub, fine-grained, says what reading cannot show', async () => {
    const { client, rights } = await open(onGithub);
    if (!('push' in rights)) throw new Error('no rights of GitHub');
    rights.push = false;
    const { lacks, unchecked } = await client.check();
    expect(lacks).toEqual([expect.stringContaining('may not push')]);
    expect(unchecked).toContain('shows only when it does');
  });

  it('of Gitea names the scope for comments', async () => {
    const { client, rights } = await open(onGitea);
    if (!('push' in rights)) throw new Error('no rights of Gitea');
    rights.issues = false;
    await expect(client.check()).rejects.toThrow(/\[read:issue\]/);
  });

  it('of GitLab names role and scope', async () => {
    const { client, rights } = await open(onGitlab);
    if (!('level' in rights)) throw new Error('no rights of GitLab');
    rights.level = 20;
    rights.scopes = ['read_api'];
    expect((await client.check()).lacks).toEqual(['the scope api', 'the role Developer in the project']);
  });
});
