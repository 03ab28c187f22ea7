import { createHmac, randomUUID } from 'node:crypto';
import { access, chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { type App, type AppParts, nixOptions, startApp } from '../src/app.ts';
import type { BuildMonitor } from '../src/builder/builder.ts';
import type { ImageFile } from '../src/cluster/cluster.ts';
import { type Config, loadConfig } from '../src/config/config.ts';
import type { Image } from '../src/core/guest.ts';
import { sampleDisk } from '../src/demo/sample-disk.ts';
import { createLog } from '../src/log.ts';
import { demoSeed, type Simulator, startSimulator } from '../src/simulator/simulator.ts';
import { lockInstance, StoreInUse } from '../src/store/instance-lock.ts';
import { FakeBuilder } from './fakes/builder.ts';
import { anOrigin, type Origin } from './git/origin.ts';
import { aVm, present } from './pipeline/support/fleet.ts';
import { bearerOf, clientOf, tokenOf } from './support/console.ts';

const secret = 'a-webhook-secret-of-this-test-0123456789';
const canary = demoSeed().tokens[0]?.secret ?? '';
const timeScale = 0.02;

/** The fake builder, with files that the simulator can import. */
class FileBuilder extends FakeBuilder {
  readonly #dir: string;

  constructor(dir: string) {
    super();
    this.#dir = dir;
  }

  override async build(
    images: readonly Image[],
    monitor: BuildMonitor,
    signal?: AbortSignal,
  ): Promise<readonly ImageFile[]> {
    await super.build(images, monitor, signal);
    const disk = sampleDisk('a disk');
    const file = path.join(this.#dir, 'disk.qcow2');
    await writeFile(file, disk);
    return images.map((image) => ({ image, path: file, size: disk.length, virtualSize: 2 ** 31 }));
  }
}

interface World {
  readonly origin: Origin;
  readonly simulator: Simulator;
  readonly builder: FileBuilder;
  readonly stateDir: string;
  readonly said: string[];
  readonly config: (change?: Record<string, string>) => Config;
  readonly start: (change?: Record<string, string>, options?: { readonly ownLog: boolean }) => Promise<App>;
}

/** A repository, a cluster and the settings of a bot for them; all of it ends with the test. */
async function aWorld(): Promise<World> {
  const origin = await anOrigin();
  const seed = { ...demoSeed(), rates: { importBytesPerSecond: 1e10, statisticsSeconds: 0 } };
  const simulator = await startSimulator({ seed, timeScale });
  onTestFinished(() => simulator.close());
  const builder = new FileBuilder(origin.scratch);
  const stateDir = path.join(origin.scratch, 'state');
  const said: string[] = [];
  const config = (change: Record<string, string> = {}) =>
    loadConfig(
      {
        PROXMOX_URL: simulator.url,
        PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
        PROXMOX_TOKEN_SECRET: canary,
        GIT_URL: origin.dir,
        FLEET: 'acme',
        WEBHOOK_SECRET: secret,
        WEBHOOK_REPOSITORY: 'acme/fleet',
        POLL_INTERVAL: 'off',
        HTTP_PORT: '0',
        APPROVERS: 'console:owner',
        STATE_DIR: stateDir,
        ...change,
      },
      () => '',
    );
  const parts: AppParts = {
    builder,
    log: createLog({
      level: 'debug',
      gate: (text) => text,
      pretty: false,
      destination: { write: (line) => said.push(line) },
    }),
    editEveryMs: 20,
    pushQuietMs: 20,
    health: {
      now: () => Date.now() / timeScale,
      sleep: (ms) => setTimeout(ms * timeScale, undefined),
    },
    proxmox: {
      sleep: (ms) => setTimeout(ms * timeScale, undefined),
      timeouts: { pollMs: [100, 250], logMs: 250, busyMs: 2000, startMs: 300 },
    },
  };
  const start = async (change: Record<string, string> = {}, { ownLog } = { ownLog: false }) => {
    const { log: _, ...withoutLog } = parts;
    const app = await startApp(config(change), ownLog ? withoutLog : parts);
    onTestFinished(() => app.stop());
    return app;
  };
  return { origin, simulator, builder, stateDir, said, config, start };
}

async function commit({ origin, builder }: World, vms: object): Promise<string> {
  const sha = await origin.push('a change');
  builder.commit(sha, { fleet: { vms }, images: { website: 'website 1' } });
  return sha;
}

/** The forge reports a push, as GitHub does. */
async function report(app: App, sha: string, key = secret): Promise<{ status: number; body: unknown }> {
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    before: '0'.repeat(40),
    after: sha,
    deleted: false,
    repository: { full_name: 'acme/fleet' },
  });
  const response = await fetch(`${app.url}/webhook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
    },
    body,
  });
  return { status: response.status, body: await response.json() };
}

/** The newest message, when its title is this one. */
function shown(app: App, title: RegExp) {
  const console = clientOf(app);
  return vi.waitFor(
    async () => {
      const message = (await console.messages()).at(-1);
      if (message === undefined || !title.test(message.card.title)) {
        throw new Error(`the newest message is "${message?.card.title}", not ${title}`);
      }
      return message;
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Somebody at the Proxmox page. */
async function somebody({ simulator }: World, method: string, called: string, params: Record<string, string>) {
  const admin = demoSeed().tokens.find(({ tokenid }) => tokenid.startsWith('admin'));
  const response = await fetch(`${simulator.url}/api2/json${called}`, {
    method,
    headers: { authorization: `PVEAPIToken=${admin?.tokenid}=${admin?.secret}` },
    body: new URLSearchParams(params),
  });
  expect(response.status).toBe(200);
}

/** Does a bot hold the store? Asked as another bot would. */
async function isLocked({ stateDir }: World): Promise<boolean> {
  try {
    await (await lockInstance(path.join(stateDir, 'lock')))();
    return false;
  } catch (error) {
    if (error instanceof StoreInUse) return true;
    throw error;
  }
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

const website = { website: aVm({ storage_location: 'local-lvm' }) };

describe('nixOptions', () => {
  it('tells Nix where the images of VMs and of containers are', async () => {
    const { config } = await aWorld();
    const options = (change?: Record<string, string>) =>
      config(change).fleets.map((fleet) => nixOptions(fleet, config(change)));
    expect(options()).toMatchObject([
      { attribute: 'config.system.build.qcow2', containerAttribute: 'config.system.build.tarball' },
    ]);
    expect(options()[0]).not.toHaveProperty('containerFile');
    const change = {
      CONTAINER_ATTRIBUTE: 'config.formats.lxc',
      CONTAINER_FILE: 'lxc.tar.xz',
      IMAGE_FILE: 'disk.qcow2',
    };
    expect(options(change)).toMatchObject([
      { containerAttribute: 'config.formats.lxc', containerFile: 'lxc.tar.xz', imageFile: 'disk.qcow2' },
    ]);
  });
});

describe('the whole bot', () => {
  it('notices by itself that the cluster is not as it was left', async () => {
    const world = await aWorld();
    const app = await world.start({ DRIFT_PLAN_INTERVAL: '1s' });
    await report(app, await commit(world, website));
    await clientOf(app).press(await shown(app, /^Plan: create 1/), 'approve');
    await shown(app, /^Applied: created 1/);
    await somebody(world, 'PUT', '/nodes/pve1/qemu/823/config', { cores: '4' });
    await clientOf(app).press(await shown(app, /^Drift: update 1/), 'approve');
    await shown(app, /^Applied: updated 1/);
    expect(String(world.simulator.guest(823)?.config['cores'])).toBe('2');
  });

  it('takes a webhook, shows a card, is approved over HTTP and deploys to the final tags', async () => {
    const world = await aWorld();
    const app = await world.start();
    const sha = await commit(world, website);
    expect(await report(app, sha)).toMatchObject({ status: 202 });
    const plan = await shown(app, /^Plan: create 1/);
    expect(await clientOf(app).press(plan, 'approve')).toMatchObject({ kind: 'none' });
    const applied = await shown(app, /^Applied: created 1/);
    expect(applied.id).toBe(plan.id);
    expect(String(world.simulator.guest(823)?.config['tags'])).toMatch(
      new RegExp(`^commit-${sha};nix-[0-9a-z]{32};proxnix$`),
    );
    const metrics = await (await fetch(`${app.url}/metrics`, { headers: bearerOf(app) })).text();
    expect(metrics).toContain('proxnix_runs{phase="applied"} 1');
    expect(metrics).not.toContain(canary);
    const audit = await readFile(path.join(world.stateDir, 'audit.jsonl'), 'utf8');
    expect(
      audit
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).action),
    ).toEqual(['approved', 'started', 'ended']);
    expect(JSON.stringify([applied, audit, world.said])).not.toContain(canary);
  }, 30_000);

  it('says that it is well', async () => {
    const app = await (await aWorld()).start();
    const response = await fetch(`${app.url}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ ok: true });
  });

  it('refuses a webhook that is signed with another secret', async () => {
    const world = await aWorld();
    const app = await world.start();
    const sha = await commit(world, website);
    expect((await report(app, sha, 'another')).status).toBe(401);
    expect(app.pipeline.runs()).toEqual([]);
    expect(world.builder.calls.evaluateFleet).toBe(0);
  });

  it('finds its open plan and its card again after a restart', async () => {
    const world = await aWorld();
    const first = await world.start();
    await report(first, await commit(world, website));
    const plan = await shown(first, /^Plan:/);
    await first.stop();
    const second = await world.start();
    const again = await shown(second, /^Plan:/);
    expect(again.id).toBe(plan.id);
    expect(await clientOf(second).press(plan, 'approve')).toMatchObject({ kind: 'none' });
    expect((await shown(second, /^Applied/)).id).toBe(plan.id);
  }, 30_000);

  it('starts on a damaged store, keeps its lock and its open plan, and says what is lost', async () => {
    const world = await aWorld();
    const first = await world.start();
    await report(first, await commit(world, website));
    const plan = await shown(first, /^Plan:/);
    await clientOf(first).post('/api/commands', { text: '/proxnix lock moving house' });
    await first.stop();
    const file = path.join(world.stateDir, 'store.json');
    const stored = JSON.parse(await readFile(file, 'utf8'));
    const [saved] = stored.runs;
    const { plan: _plan, ...planless } = saved.run;
    stored.runs.push({ run: { ...planless, id: 'r-2' }, messages: {} });
    await writeFile(file, JSON.stringify(stored));

    const second = await world.start();
    const console = clientOf(second);
    const card = await vi.waitFor(async () => {
      const messages = await console.messages();
      return present(messages.find(({ card: { title } }) => title === 'Store damaged: 1 part left out'));
    });
    expect(JSON.stringify(card)).toContain('run r-2');
    expect(world.said.filter((line) => line.includes('parts of it were set aside'))).toHaveLength(1);
    expect(await console.press(plan, 'approve')).toMatchObject({ code: 'locked' });
    await console.post('/api/commands', { text: '/proxnix unlock' });
    expect(await console.press(plan, 'approve')).toMatchObject({ kind: 'none' });
    await vi.waitFor(() => expect(second.pipeline.run('r-1')?.phase).toBe('applied'), { timeout: 15_000 });
    await second.stop();
    // The next start has nothing to say.
    const third = await world.start();
    const titles = (await clientOf(third).messages()).map(({ card: { title } }) => title);
    expect(titles.filter((title) => title.startsWith('Store damaged'))).toHaveLength(1);
  }, 30_000);

  it('finds pushes without webhooks where it polls', async () => {
    const world = await aWorld();
    const sha = await commit(world, website);
    const app = await world.start({ WEBHOOKS: 'off', POLL_INTERVAL: '5m' });
    await shown(app, /^Plan:/);
    expect((await report(app, sha)).status).toBe(404);
  });
});

describe("another process of this machine, such as a build with the host's network", () => {
  it.each(['nothing', 'a guess', 'what the page would send'])('acts as nobody with %s', async (what) => {
    const world = await aWorld();
    const app = await world.start();
    await report(app, await commit(world, website));
    await vi.waitFor(() => expect(app.pipeline.runs()[0]?.phase).toBe('planned'), { timeout: 15_000, interval: 20 });
    const [run] = app.pipeline.runs();
    const button = `px1:approve:${run?.id}:${run !== undefined && 'plan' in run ? run.plan.id : ''}`;
    const given: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      'a guess': { authorization: 'Bearer 0123456789abcdef0123456789abcdef0123456789abcdef' },
      'what the page would send': { origin: app.url, 'sec-fetch-site': 'same-origin', cookie: 'proxnix_console=1' },
    };
    const asked = await stranger(app.url, given[what] ?? {}, [
      ['POST', '/api/press', { button }],
      ['POST', '/api/commands', { text: '/proxnix lock for a reason' }],
      ['POST', '/api/commands', { text: '/proxnix plan' }],
      ['POST', `/api/forms/${encodeURIComponent(button.replace('approve', 'confirm'))}`, { values: { names: '' } }],
      ['GET', '/api/messages'],
      ['GET', '/api/events'],
      ['GET', '/api/session'],
      ['GET', '/console/page.js'],
      ['GET', '/metrics'],
    ]);
    expect(asked.map(({ path: to, status }) => `${status} ${to}`)).toEqual(asked.map((one) => `401 ${one.path}`));
    expect(app.pipeline.runs()).toMatchObject([{ id: run?.id, phase: 'planned' }]);
    expect(await readFile(path.join(world.stateDir, 'audit.jsonl'), 'utf8').catch(() => '')).toBe('');
  });
});

describe('the token of the console', () => {
  it('is made at the first start, kept for this user alone and carried by the address, over restarts too', async () => {
    const world = await aWorld();
    const app = await world.start();
    const file = path.join(world.stateDir, 'console-token');
    const token = (await readFile(file, 'utf8')).trim();
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    expect(app.console?.url).toBe(`${app.url}/?token=${token}`);
    expect(tokenOf(app)).toBe(token);
    await app.stop();
    expect(tokenOf(await world.start())).toBe(token);
  });

  it('is made anew, and the old one is worth nothing, when others could read its file', async () => {
    const world = await aWorld();
    const first = await world.start();
    const old = bearerOf(first);
    await first.stop();
    await chmod(path.join(world.stateDir, 'console-token'), 0o644);
    const second = await world.start();
    expect((await fetch(`${second.url}/api/session`, { headers: old })).status).toBe(401);
    expect((await fetch(`${second.url}/api/session`, { headers: bearerOf(second) })).status).toBe(200);
    expect(world.said.join()).toContain('others on this machine could read it');
  });

  it('is neither in the address nor in a file when it was configured', async () => {
    const world = await aWorld();
    const app = await world.start({ CONSOLE_TOKEN: 'a-console-token-of-this-test' });
    expect(app.console?.url).toBe(app.url);
    expect(await readdir(world.stateDir)).not.toContain('console-token');
    const headers = { authorization: 'Bearer a-console-token-of-this-test' };
    expect((await fetch(`${app.url}/api/session`, { headers })).status).toBe(200);
  });

  it('is masked in cards, in the audit and in the log', async () => {
    const world = await aWorld();
    const written: string[] = [];
    const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    onTestFinished(() => stderr.mockRestore());
    const app = await world.start({ LOG_LEVEL: 'debug' }, { ownLog: true });
    const token = tokenOf(app);
    const sha = await world.origin.push(`Say ${token}`);
    world.builder.commit(sha, { fleet: { vms: website }, images: { website: 'website 1' } });
    await report(app, sha);
    const plan = await shown(app, /^Plan:/);
    expect(JSON.stringify(plan)).toContain('Say [secret]');
    await clientOf(app).post('/api/commands', { text: `/proxnix reject ${app.pipeline.runs()[0]?.id} as ${token}` });
    await shown(app, /^Rejected/);
    app.log.info({ token }, 'the log');
    stderr.mockRestore();
    const audit = await readFile(path.join(world.stateDir, 'audit.jsonl'), 'utf8');
    expect(audit).toContain('[secret]');
    expect(written.join('')).toContain('[secret]');
    expect([audit, JSON.stringify(await clientOf(app).messages()), ...written].join('')).not.toContain(token);
  });
});

describe('the metrics', () => {
  it('have a token of their own, which opens nothing else', async () => {
    const app = await (await aWorld()).start({ METRICS_TOKEN: 'a-metrics-token-of-this-test' });
    const headers = { authorization: 'Bearer a-metrics-token-of-this-test' };
    expect((await fetch(`${app.url}/metrics`, { headers })).status).toBe(200);
    expect((await fetch(`${app.url}/metrics`, { headers: bearerOf(app) })).status).toBe(200);
    expect((await fetch(`${app.url}/api/session`, { headers })).status).toBe(401);
  });
});

type Ask = readonly [method: 'GET' | 'POST', path: string, body?: unknown];

/** Asks from a process of its own that knows nothing but the address. */
async function stranger(url: string, headers: object, asks: readonly Ask[]) {
  const program = `
    const [url, headers, asks] = JSON.parse(process.argv[1]);
    const answers = [];
    for (const [method, path, body] of asks) {
      const given = { 'content-type': 'application/json', 'x-proxnix': '1', ...headers };
      const sent = method === 'GET' ? {} : { body: JSON.stringify(body) };
      const response = await fetch(url + path, { method, headers: given, redirect: 'manual', ...sent });
      answers.push({ path, status: response.status });
      await response.body?.cancel();
    }
    console.log(JSON.stringify(answers));
    process.exit(0);`;
  const args = ['--input-type=module', '-e', program, JSON.stringify([url, headers, asks])];
  const { stdout } = await execa(process.execPath, args, { env: {}, extendEnv: false, timeout: 60_000 });
  return z.array(z.object({ path: z.string(), status: z.number() })).parse(JSON.parse(stdout));
}

describe('stop', () => {
  it('lets the port and the store go', async () => {
    const world = await aWorld();
    const app = await world.start();
    expect(await isLocked(world)).toBe(true);
    await app.stop();
    expect(await isLocked(world)).toBe(false);
    await expect(fetch(`${app.url}/healthz`)).rejects.toThrow();
    const again = await world.start({ HTTP_PORT: new URL(app.url).port });
    expect(again.url).toBe(app.url);
  });

  it('may be asked for twice, and does not take the store from the next bot', async () => {
    const world = await aWorld();
    const first = await world.start();
    await Promise.all([first.stop(), first.stop()]);
    const second = await world.start();
    await first.stop();
    expect(await isLocked(world)).toBe(true);
    expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
    expect(world.said.filter((line) => JSON.parse(line).level === 'error')).toEqual([]);
  });
});

describe('a start that fails', () => {
  it('because another bot has the store changes nothing for that one', async () => {
    const world = await aWorld();
    const app = await world.start();
    await expect(world.start()).rejects.toThrow('uses this store');
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
    expect(await isLocked(world)).toBe(true);
  });

  it('because the port is taken leaves nothing open', async () => {
    const world = await aWorld();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(world.start({ HTTP_PORT: String(port) })).rejects.toThrow('another program listens there');
    expect(await isLocked(world)).toBe(false);
    const app = await world.start();
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
  });

  it('because a fleet names a cluster that is not there leaves nothing open', async () => {
    const world = await aWorld();
    const config = world.config();
    const fleets = config.fleets.map((fleet) => ({ ...fleet, cluster: 'nowhere' }));
    await expect(startApp({ ...config, fleets }, { builder: world.builder })).rejects.toThrow('nowhere');
    expect(await isLocked(world)).toBe(false);
    await world.start();
  });

  it('because of a mistake in the configuration does not even make its folder', async () => {
    const world = await aWorld();
    expect(() => world.config({ WEBHOOK_SECRET: '', POLL_INTERVAL: 'often' })).toThrow();
    expect(await isThere(world.stateDir)).toBe(false);
  });
});
