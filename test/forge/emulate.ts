// The way of a pull request against emulate, a server of GitHub's API that other people wrote: `npm run emulate` fetches it
// and a Node that it runs on, and starts this file as `emulate.js API PORT`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { execa } from 'execa';
import { Hono } from 'hono';
import { z } from 'zod';
import { startApp } from '../../src/app.ts';
import type { BuildMonitor } from '../../src/builder/builder.ts';
import type { ImageFile } from '../../src/cluster/cluster.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { Image } from '../../src/core/guest.ts';
import { sampleDisk } from '../../src/demo/sample-disk.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';
import { FakeBuilder } from '../fakes/builder.ts';
import { aVm } from '../pipeline/support/fleet.ts';
import { clientOf } from '../support/console.ts';

const [api = '', port = ''] = process.argv.slice(2);
const token = 'ghp_0123456789abcdefghijABCDEFGHIJ01';
const secret = 'a-webhook-secret-of-this-script-0123456789';
const timeScale = 0.02;

const Creates = z.custom<(options: object) => Promise<unknown>>((value) => typeof value === 'function');
const { createEmulator } = z.object({ createEmulator: Creates }).parse(await import(api));
const Emulator = z.object({
  url: z.string(),
  close: z.custom<() => Promise<void>>((value) => typeof value === 'function'),
});
const Head = z.object({ object: z.object({ sha: z.string() }) });
const Comments = z.array(z.object({ id: z.number(), body: z.string() }));

const Status = z.object({
  state: z.enum(['pending', 'success', 'failure', 'error']),
  description: z.string().max(140),
  context: z.string(),
  target_url: z.url(),
});

/** The fake builder, with files that the simulator can import. */
class FileBuilder extends FakeBuilder {
  readonly #file = path.join(dir, 'disk.qcow2');

  override async build(
    images: readonly Image[],
    monitor: BuildMonitor,
    signal?: AbortSignal,
  ): Promise<readonly ImageFile[]> {
    await super.build(images, monitor, signal);
    const disk = sampleDisk('a disk');
    await writeFile(this.#file, disk);
    return images.map((image) => ({ image, path: this.#file, size: disk.length, virtualSize: 2 ** 31 }));
  }
}

const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-emulate-'));
const closers: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
try {
  await flow();
  console.log('emulate: all of it is as it should be');
} finally {
  for (const close of closers.toReversed()) await close();
}

async function flow(): Promise<void> {
  const github = await startGithub();
  const { url, statuses } = await startFront(github);
  const simulator = await startSimulator({
    seed: { ...demoSeed(), rates: { importBytesPerSecond: 1e10, statisticsSeconds: 0 } },
    timeScale,
  });
  closers.push(() => simulator.close());
  const origin = await anOrigin();
  const builder = new FileBuilder();
  const declare = (sha: string, memory_mb: number) =>
    builder.commit(sha, {
      fleet: { vms: { website: aVm({ storage_location: 'local-lvm', memory_mb }) } },
      images: { website: 'website 1' },
    });
  const first = await origin.push('refs/heads/main', 'the first');
  declare(first, 2048);
  const [bot] = demoSeed().tokens;
  const config = loadConfig(
    {
      ...{ PROXMOX_URL: simulator.url, PROXMOX_TOKEN_ID: bot?.tokenid, PROXMOX_TOKEN_SECRET: bot?.secret },
      ...{ GIT_URL: origin.dir, FLEET: 'acme', WEBHOOK_SECRET: secret, WEBHOOK_REPOSITORY: 'acme/fleet' },
      ...{ FORGE: 'github', FORGE_URL: url, FORGE_TOKEN: token, PUBLIC_URL: 'https://proxnix.example.org' },
      ...{ POLL_INTERVAL: 'off', HTTP_PORT: '0', APPROVERS: 'console:owner', LOG_LEVEL: 'warn' },
      STATE_DIR: path.join(dir, 'state'),
    },
    () => '',
  );
  const app = await startApp(config, {
    ...{ builder, editEveryMs: 20, pushQuietMs: 20 },
    health: { now: () => Date.now() / timeScale, sleep: (ms) => setTimeout(ms * timeScale, undefined) },
    proxmox: {
      sleep: (ms) => setTimeout(ms * timeScale, undefined),
      timeouts: { pollMs: [100, 250], logMs: 250, busyMs: 2000, startMs: 300 },
    },
  });
  closers.push(() => app.stop());
  const hook = { url: `${app.url}/webhook`, content_type: 'json', secret };
  await github('POST', '/hooks', { name: 'web', active: true, events: ['push', 'pull_request'], config: hook });
  const comments = async () => Comments.parse(await github('GET', '/issues/1/comments?per_page=100'));
  const newest = (sha: string, context: string) => statuses(sha, context).at(-1);

  say('a pull request is opened');
  const one = await origin.push('refs/pull/1/head', 'more memory');
  declare(one, 4096);
  const { object: base } = Head.parse(await github('GET', '/git/ref/heads/main'));
  await github('POST', '/git/refs', { ref: 'refs/heads/feature', sha: base.sha });
  await github('PUT', '/contents/vms.nix', { message: 'more memory', content: 'eA==', branch: 'feature' });
  await github('POST', '/pulls', { title: '<b>``` @everyone', head: 'feature', base: 'main' });
  const [comment] = await until('a comment', comments, (found) => found.length > 0);
  check('the comment holds the plan', comment?.body.includes('4096') === true && comment.body.includes('```diff'));
  check('the comment links to the run', comment?.body.includes('(https://proxnix.example.org/runs/r-1)') === true);
  check('the comment has no markup of the title', comment?.body.includes('everyone') === false);
  await until(
    'a status',
    async () => newest(one, 'proxnix/acme/preview'),
    (status) => status?.startsWith('success') === true,
  );
  check('it was pending before', statuses(one, 'proxnix/acme/preview')[0]?.startsWith('pending') === true);
  const [message] = await clientOf(app).messages();
  check('its card has no button', message?.card.buttons.length === 0);

  say('it gets another commit');
  const two = await origin.push('refs/pull/1/head', 'still more memory');
  declare(two, 8192);
  // emulate sends no "synchronize": a request that is opened again has its commits looked at as well.
  await github('PATCH', '/pulls/1', { state: 'closed' });
  await github('PATCH', '/pulls/1', { state: 'open' });
  const edited = await until('an edited comment', comments, ([found]) => found?.body.includes('8192') === true);
  check('it is the same comment, and the only one', edited.length === 1 && edited[0]?.id === comment?.id);

  say('the branch is pushed, and its plan approved');
  await origin.point('refs/heads/main', first);
  await github('PUT', '/contents/vms.nix', { message: 'the first', content: 'eQ==', branch: 'main' });
  await until(
    'a plan',
    async () => newest(first, 'proxnix/acme'),
    (status) => status?.startsWith('pending waits for approval') === true,
  );
  const client = clientOf(app);
  const plan = (await client.messages()).findLast(({ card }) => card.title.startsWith('Plan'));
  if (plan === undefined) throw new Error('the console shows no plan');
  await client.press(plan, 'approve');
  await until(
    'an apply',
    async () => newest(first, 'proxnix/acme'),
    (status) => status?.startsWith('success applied') === true,
  );
  say(`the statuses of the branch: ${statuses(first, 'proxnix/acme').join(' | ')}`);
}

type Call = (method: string, path: string, body?: object) => Promise<unknown>;

/** GitHub's API, as the person of the token calls it. */
async function startGithub(): Promise<Call & { readonly url: string }> {
  const seed = {
    tokens: { [token]: { login: 'acme', scopes: ['repo'] } },
    github: { users: [{ login: 'acme' }], repos: [{ owner: 'acme', name: 'fleet', auto_init: true }] },
  };
  const emulator = Emulator.parse(await createEmulator({ service: 'github', port: Number(port), seed }));
  closers.push(() => emulator.close());
  const call: Call = async (method, called, body) => {
    const response = await fetch(`${emulator.url}/repos/acme/fleet${called}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${called}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return Object.assign(call, { url: emulator.url });
}

/** emulate has no statuses of commits (it has checks), so they are taken here; all else is passed on. */
async function startFront(github: { readonly url: string }) {
  const taken: { readonly sha: string; readonly status: z.infer<typeof Status> }[] = [];
  const routes = new Hono();
  routes.post('/repos/acme/fleet/statuses/:sha', async (c) => {
    taken.push({ sha: c.req.param('sha'), status: Status.parse(await c.req.json()) });
    return c.json({}, 201);
  });
  routes.all('*', async (c) => {
    const { pathname, search } = new URL(c.req.url);
    const text = await c.req.text();
    const headers = { authorization: c.req.header('authorization') ?? '', 'content-type': 'application/json' };
    const body = text === '' ? {} : { body: text };
    const answer = await fetch(`${github.url}${pathname}${search}`, { method: c.req.method, headers, ...body });
    const type = { 'content-type': answer.headers.get('content-type') ?? '' };
    return new Response(await answer.text(), { status: answer.status, headers: type });
  });
  const server = serve({ fetch: routes.fetch, hostname: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(async () => server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the front does not listen');
  return {
    url: `http://127.0.0.1:${address.port}`,
    statuses: (sha: string, context: string) =>
      taken
        .filter((one) => one.sha === sha && one.status.context === context)
        .map(({ status }) => `${status.state} ${status.description}`),
  };
}

/** The repository that the bot fetches: emulate serves no git. */
async function anOrigin() {
  const at = path.join(dir, 'origin.git');
  const who = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org' };
  const env = { ...who, GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' };
  await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', at]);
  const git = async (...args: string[]) => (await execa('git', args, { cwd: at, env })).stdout;
  return {
    dir: at,
    async push(ref: string, subject: string): Promise<string> {
      const tree = await git('hash-object', '-w', '-t', 'tree', '/dev/null');
      const sha = await git('commit-tree', tree, '-m', subject);
      await git('update-ref', ref, sha);
      return sha;
    },
    point: (ref: string, sha: string) => git('update-ref', ref, sha),
  };
}

async function until<T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const end = Date.now() + 120_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`${what} did not come; there is ${JSON.stringify(value)}`);
    await setTimeout(200);
  }
}

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what}: it does not`);
  say(`${what}: yes`);
}

function say(text: string): void {
  console.log(`emulate: ${text}`);
}
