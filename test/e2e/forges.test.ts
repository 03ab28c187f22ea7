import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type App, startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/log.ts';
import { createGate, Secret } from '../../src/secret.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';
import { FakeBuilder } from '../fakes/builder.ts';
import { gitlabBody, gitlabPullBody, hubBody, hubPullBody, secret, signed, zeros } from '../forge/samples.ts';
import { anOrigin } from '../git/origin.ts';
import { aVm } from '../pipeline/support/fleet.ts';
import { bearerOf, clientOf } from '../support/console.ts';
import { startGitlab } from '../support/forges/gitlab-server.ts';
import { startHub } from '../support/forges/hub-server.ts';

const token = 'canary-token-of-the-forge-0123456789';

interface Kind {
  readonly name: string;
  readonly start: () => ReturnType<typeof startHub> | ReturnType<typeof startGitlab>;
  readonly repository: string;
  /** The ref of the request number 7. */
  readonly ref: string;
  readonly push: (sha: string) => Delivery;
  readonly pull: (sha: string, isFirst: boolean) => Delivery;
}
interface Delivery {
  readonly body: string;
  readonly headers: Record<string, string>;
}

function hub(name: 'github' | 'gitea' | 'forgejo', basePath: string): Kind {
  const send = (body: string, event: string, sha: string) => ({
    body,
    headers: { ...signed[name](body), [`x-${name}-event`]: event, [`x-${name}-delivery`]: `${event}-${sha}` },
  });
  const again = name === 'github' ? 'synchronize' : 'synchronized';
  return {
    ...{ name, repository: 'ada/fleet', ref: 'refs/pull/7/head', start: () => startHub(name, basePath, [token]) },
    push: (sha) => send(hubBody({ after: sha }), 'push', sha),
    pull(sha, isFirst) {
      const head = { ref: 'feature', sha, repo: { full_name: 'Ada/Fleet' } };
      const pull_request = { number: 7, title: '``` @everyone <b>', base: { ref: 'main' }, head };
      return send(hubPullBody(isFirst ? 'opened' : again, { pull_request }), 'pull_request', sha);
    },
  };
}

const gitlab: Kind = {
  ...{ name: 'gitlab', repository: 'group/sub/fleet', ref: 'refs/merge-requests/7/head' },
  start: () => startGitlab([token]),
  push: (sha) => ({
    body: gitlabBody({ after: sha }),
    headers: { ...signed.gitlab(), 'idempotency-key': `push-${sha}` },
  }),
  pull(sha, isFirst) {
    const request = {
      last_commit: { id: sha },
      ...(isFirst ? { action: 'open' } : { action: 'update', oldrev: zeros }),
    };
    const headers = { 'x-gitlab-event': 'Merge Request Hook', 'idempotency-key': `pull-${sha}` };
    return { body: gitlabPullBody(request), headers: { ...signed.gitlab(), ...headers } };
  },
};

const kinds: readonly Kind[] = [hub('github', ''), hub('gitea', '/api/v1'), hub('forgejo', '/api/v1'), gitlab];

/** The whole bot beside a forge, a repository and a cluster. */
async function aWorld(kind: Kind) {
  const forge = await kind.start();
  onTestFinished(() => forge.close());
  const origin = await anOrigin();
  const simulator = await startSimulator({ seed: demoSeed(), timeScale: 0.02 });
  onTestFinished(() => simulator.close());
  const builder = new FakeBuilder();
  const said: string[] = [];
  const [bot] = demoSeed().tokens;
  const config = loadConfig(
    {
      ...{ PROXMOX_URL: simulator.url, PROXMOX_TOKEN_ID: bot?.tokenid, PROXMOX_TOKEN_SECRET: bot?.secret },
      ...{ GIT_URL: origin.dir, FLEET: 'acme', WEBHOOK_SECRET: secret, WEBHOOK_REPOSITORY: kind.repository },
      ...{ FORGE: kind.name, FORGE_URL: forge.apiUrl, FORGE_TOKEN: token, PUBLIC_URL: 'https://bot.example/' },
      ...{ POLL_INTERVAL: 'off', HTTP_PORT: '0', APPROVERS: 'console:owner' },
      STATE_DIR: path.join(origin.scratch, 'state'),
    },
    () => '',
  );
  const log = createLog({
    ...{ level: 'debug', gate: createGate([new Secret(token)], []), pretty: false },
    destination: { write: (line) => said.push(line) },
  });
  const app = await startApp(config, { builder, log, editEveryMs: 20, pushQuietMs: 20 });
  onTestFinished(() => app.stop());
  const declare = (sha: string, memory_mb: number) =>
    builder.commit(sha, {
      fleet: { vms: { website: aVm({ storage_location: 'local-lvm', memory_mb }) } },
      images: { website: 'website 1' },
    });
  return {
    ...{ app, forge, origin, said },
    push: async (memoryMb: number): Promise<string> => {
      const sha = await origin.push('a change');
      declare(sha, memoryMb);
      expect((await send(app, kind.push(sha))).status).toBe(202);
      return sha;
    },
    pushPull: async (memoryMb: number, isFirst: boolean): Promise<string> => {
      const sha = await origin.pushPull(`memory ${memoryMb}`, 7);
      await origin.git('update-ref', kind.ref, sha);
      declare(sha, memoryMb);
      expect((await send(app, kind.pull(sha, isFirst))).status).toBe(202);
      return sha;
    },
    status: (sha: string, context: string) => forge.state.statuses.get(sha)?.findLast((one) => one.context === context),
  };
}

function send(app: App, { body, headers }: Delivery): Promise<Response> {
  return fetch(`${app.url}/webhook`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

const soon = { timeout: 15_000, interval: 20 };

describe.each(kinds)('a request on $name', (kind) => {
  it('gets one comment, which its next commit edits, a status, and a card that nobody can press', async () => {
    const { app, forge, pushPull, status, said } = await aWorld(kind);
    const first = await pushPull(4096, true);
    await vi.waitFor(() => expect(status(first, 'proxnix/acme/preview')?.state).toBe('success'), soon);
    await vi.waitFor(() => expect(forge.state.comments.get(7)).toHaveLength(1), soon);
    expect(status(first, 'proxnix/acme/preview')).toMatchObject({
      description: 'preview: create 1 (run r-1)',
      url: 'https://bot.example/runs/r-1',
    });
    const second = await pushPull(8192, false);
    await vi.waitFor(() => expect(forge.state.comments.get(7)?.[0]?.body).toContain('8192'), soon);
    await vi.waitFor(() => expect(status(second, 'proxnix/acme/preview')?.state).toBe('success'), soon);
    expect(forge.state.comments.get(7)).toHaveLength(1);
    expect(forge.state.comments.get(7)?.[0]?.body).not.toMatch(/everyone|<b>|\/proxnix/);
    await vi.waitFor(async () => {
      const messages = await clientOf(app).messages();
      expect(messages.map(({ card }) => [card.title, card.buttons])).toEqual([['Preview of #7: create 1', []]]);
    }, soon);
    // The page that the comment links to.
    const page = await fetch(`${app.url}/api/runs/r-1`, { headers: bearerOf(app) });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Preview of #7: create 1');
    expect(said.join('')).not.toContain(token);
  }, 40_000);

  it('that is merged leaves the branch a plan and a status of its own', async () => {
    const { app, forge, push, status, said } = await aWorld(kind);
    const sha = await push(4096);
    await vi.waitFor(
      () => expect(status(sha, 'proxnix/acme')?.description).toMatch(/^waits for approval: create 1/),
      soon,
    );
    expect(status(sha, 'proxnix/acme')).toMatchObject({ state: 'pending', url: 'https://bot.example/runs/r-1' });
    await clientOf(app).post('/api/commands', { text: `/proxnix reject r-1 ${planIdOf(app)}` });
    await vi.waitFor(() => expect(status(sha, 'proxnix/acme')?.state).toBe('failure'), soon);
    expect(forge.state.comments.size).toBe(0);
    expect(said.join('')).not.toContain(token);
  }, 40_000);
});

function planIdOf(app: App): string {
  const run = app.pipeline.run('r-1');
  if (run?.phase !== 'planned') throw new Error('run r-1 has no plan');
  return run.plan.id;
}
