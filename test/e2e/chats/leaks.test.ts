import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as edits from '../../../src/demo/edits.ts';
import { commitFiles, readSample } from '../../../src/demo/repository.ts';
import { sampleFiles } from '../../../src/demo/sample-files.ts';
import { demoSeed } from '../../../src/simulator/simulator.ts';
import { nix, nixOptions } from '../../builder/nix/here.ts';
import { token as discordToken } from '../../support/discord/ids.ts';
import { type GitHttpServer, startGitHttp } from '../../support/git-http.ts';
import { appToken, botToken } from '../../support/slack/slack-server.ts';
import { buttonOf, type Seat } from './seat.ts';
import { type Spy, spyOn } from './spy.ts';
import { answered, become, formIn, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

const proxmoxToken = 'ca11ab1e-0000-4000-8000-de00000000ff';
const gitToken = 'canary-git-token-0123456789abcdef';
const consoleToken = 'canary-console-token-0123456789abcdef';
/** Also a word that Nix takes for a name. */
const webhookSecret = 'canary-webhook-secret-0123456789abcdef';
const canaries = { proxmoxToken, gitToken, consoleToken, webhookSecret, discordToken, botToken, appToken };

/** Also what is left of one that was cut, and as they travel in a header. */
const spellings = Object.entries(canaries).flatMap(([name, value]) => [
  { name: `the beginning of ${name}`, text: value.slice(0, 16) },
  { name: `${name} in base64`, text: Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -2) },
  { name: `${name} as password`, text: Buffer.from(`x-access-token:${value}`).toString('base64').replace(/=+$/, '') },
]);

/** The canaries in a text, each with the words around it. */
function leaksIn(text: string): readonly string[] {
  return spellings.flatMap(({ name, text: canary }) => {
    const at = text.indexOf(canary);
    return at < 0 ? [] : [`${name}: …${text.slice(Math.max(0, at - 200), at + canary.length + 20)}`];
  });
}

describe.skipIf(nix === undefined)('secrets stay inside over a whole run and its failures, with real Nix', () => {
  let world: ChatWorld;
  let gitHttp: GitHttpServer | undefined;
  let spy: Spy | undefined;
  const scraped: string[] = [];
  const chats = ['discord', 'slack'] as const;

  beforeAll(async () => {
    const seed = demoSeed();
    const [own, ...others] = seed.tokens;
    if (own === undefined) throw new Error('the cluster has no token');
    world = await aChatWorld({
      ...{ chats, editEveryMs: 30, seed: { ...seed, tokens: [{ ...own, secret: proxmoxToken }, ...others] } },
      builder: { parts: { nix: await nixOptions() }, system: nix?.system ?? '' },
      env: async (dir) => {
        spy = await spyOn(dir, ['git', 'nix'], path.join(dir, 'fleet'));
        gitHttp = await startGitHttp(dir, { auth: { user: 'x-access-token', password: gitToken } });
        const git = { GIT_URL: `${gitHttp.url}/origin.git`, GIT_TOKEN: gitToken };
        return { ...git, CONSOLE_TOKEN: consoleToken, WEBHOOK_SECRET: webhookSecret };
      },
      secret: webhookSecret,
    });
  }, 120_000);
  afterAll(async () => {
    spy?.leave();
    await world.stop();
    await gitHttp?.close();
  }, 60_000);

  const seatOf = (chat: Seat['chat']): Seat => world.seats[chat];
  const everywhere = async (title: RegExp) => {
    const [discord, slack] = await Promise.all(chats.map((chat) => newest(seatOf(chat), title)));
    if (discord === undefined || slack === undefined) throw new Error('no card');
    return { discord, slack };
  };
  const scrape = async () => {
    const headers = { authorization: `Bearer ${consoleToken}` };
    scraped.push(await (await fetch(`${world.app.url}/metrics`, { headers })).text());
    scraped.push(await (await fetch(`${world.app.url}/api/messages`, { headers })).text());
  };
  /** Adds text to a file of the fleet. */
  const append = async (file: string, change: (text: string) => string, message: string) =>
    commitFiles(world.repository, message, { [file]: change(await readSample(world.repository, file)) });

  it('plays a deploy', async () => {
    await world.begin();
    const plan = await everywhere(/^Plan: create 4$/);
    await seatOf('discord').press(plan.discord, buttonOf(plan.discord, 'Approve'));
    await everywhere(/^Applied: created 4$/);
    await scrape();
  }, 90_000);

  it('plays a push whose message, author and file hold every secret', async () => {
    const all = Object.values(canaries).join(' ');
    await append('README.md', (text) => `${text}\n${all}\n`, `Say ${all}`);
    const card = await everywhere(/^In sync/);
    expect(card.discord.title).toContain('[secret]');
    await scrape();
  }, 60_000);

  it('plays a flake that fails with a secret in its words, asked for in every chat', async () => {
    const broken = (text: string) =>
      text.replace('sockets = 1;', `sockets = 1;\n    ${webhookSecret} = "${gitToken}";`);
    await append('vms.nix', broken, 'Mistype a field');
    await everywhere(/^Failed/);
    const { id } = newestRun(world);
    for (const chat of chats) {
      await answered(await seatOf(chat).type('history'), new RegExp(`${id} failed`));
      await answered(await seatOf(chat).type('status', { name: gitToken }), /There is no fleet or guest/);
      await answered(await seatOf(chat).type('reject', { run: id, reason: proxmoxToken }), /already-decided/);
    }
    const thrown = (text: string) => text.replace(/^\{/m, `{ x = throw "${proxmoxToken} ${gitToken}";`);
    await append('vms.nix', thrown, 'Throw');
    await vi.waitFor(
      () => expect(newestRun(world)).toMatchObject({ phase: 'failed', commit: { subject: 'Throw' } }),
      patience,
    );
    await scrape();
  }, 90_000);

  it('plays a build that fails with secrets in its log', async () => {
    await edits.emptyFleet(world.repository);
    await commitFiles(world.repository, 'As it was', sampleFiles(nix?.system ?? ''));
    await everywhere(/^In sync/);
    const words = [proxmoxToken, gitToken, webhookSecret].join(' ');
    const echo = `postBuild = ''\n    printf '%s\\n' "${words}" >&2\n    exit 1\n  '';\n}`;
    await append('images/worker.nix', (text) => text.replace(/postBuild = .*;\n}/s, () => echo), 'Echo');
    const plan = await everywhere(/^Plan: replace 1$/);
    await seatOf('slack').press(plan.slack, buttonOf(plan.slack, 'Approve'));
    const failed = await become(seatOf('slack'), plan.slack, /^Failed/);
    expect(failed.words).toContain('[secret]');
    await scrape();
  }, 90_000);

  it('plays a rejection with a secret for a reason', async () => {
    await edits.editMemory(world.repository, 'cp', 3072);
    const plan = await everywhere(/^Plan:/);
    const form = await formIn(await seatOf('discord').press(plan.discord, buttonOf(plan.discord, 'Reject')));
    await seatOf('discord').fill(form, { reason: `because of ${proxmoxToken}` });
    const rejected = await become(seatOf('slack'), plan.slack, /^Rejected/);
    expect(rejected.words).toContain('because of [secret]');
    await scrape();
  }, 60_000);

  it('plays chats, a cluster, a repository and strangers that refuse', async () => {
    world.discord.fault('PATCH /channels/:id/messages/:id', 500, 2);
    world.discord.fault('POST /channels/:id/messages', 'lose-answer', 2);
    world.slack.mishap('chat.postMessage', { error: 'invalid_auth' }, { lost: 'answer' }, { status: 503 });
    world.slack.mishap('chat.update', { error: 'token_revoked' }, { retryAfter: 1 });
    const wrong = (path: string, headers: Record<string, string>, body: string) =>
      fetch(`${world.app.url}${path}`, { method: 'POST', headers, body });
    await wrong('/webhook', { 'x-github-event': 'push', 'x-hub-signature-256': webhookSecret }, webhookSecret);
    await wrong('/login', { 'content-type': 'application/x-www-form-urlencoded' }, `token=${consoleToken}x`);
    await wrong('/api/press', { authorization: `Bearer ${consoleToken}y` }, '{}');
    await edits.editMemory(world.repository, 'cp', 2560);
    await vi.waitFor(() => expect(newestRun(world)).toMatchObject({ phase: 'planned' }), patience);
    await world.simulator.close();
    const card = await newest(seatOf('discord'), /^Plan:/);
    await answered(await seatOf('discord').press(card, buttonOf(card, 'Approve')), /./);
    await gitHttp?.close();
    await answered(await seatOf('slack').type('plan'), /./);
    await scrape();
  }, 90_000);

  it('started programs with arguments that anybody on the machine may read', async () => {
    const calls = (await spy?.calls()) ?? '';
    expect(calls).toMatch(/git[\s\S]*fetch[\s\S]*git-remote-http/);
    expect(calls).toMatch(/^nix$/m);
    expect(leaksIn(calls)).toEqual([]);
  });

  it('sent nothing of them to a chat', () => {
    const { discord, slack } = world;
    const bodies = Object.values(world.wires).flatMap(({ sent }) => sent.map(({ path: to, body }) => ({ to, body })));
    expect(bodies.length).toBeGreaterThan(50);
    // A token of an app goes into no body; Slack's own libraries send it in a header.
    for (const { to, body } of bodies) expect({ to, leaks: leaksIn(body) }).toEqual({ to, leaks: [] });
    const files = [...slack.state.files, ...slack.state.uploads.values()].map(({ text }) => text);
    expect(leaksIn([...files, JSON.stringify(discord.sent), JSON.stringify(slack.state.whispers)].join('\n'))).toEqual(
      [],
    );
  });

  it('wrote nothing of them to the log or the audit, and told nothing to a browser or to Prometheus', async () => {
    const audit = await readFile(path.join(world.dir, 'state', 'audit.jsonl'), 'utf8');
    expect(audit.split('\n').length).toBeGreaterThan(5);
    expect(world.logged.length).toBeGreaterThan(20);
    expect(leaksIn(world.logged.join('\n'))).toEqual([]);
    expect(leaksIn(audit)).toEqual([]);
    expect(scraped.join('\n')).toMatch(/proxnix_runs\{phase="applied"\} 1/);
    expect(leaksIn(scraped.join('\n'))).toEqual([]);
  });
});
