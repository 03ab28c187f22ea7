import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import { readTags, splitTags } from '../../src/core/tags.ts';
import { ConsoleClient, type Message } from '../../src/demo/console-client.ts';
import { editImage } from '../../src/demo/edits.ts';
import { createSampleRepository } from '../../src/demo/repository.ts';
import { readToken } from '../../src/demo/session.ts';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { compiled } from '../support/compiled.ts';
import { removeTree, wordsOf } from './demo-world.ts';

const bot = compiled(import.meta.url, 'bot.ts');
const patience = 60_000;

function spawnBot(dir: string, url: string, ...more: readonly string[]) {
  return execa(process.execPath, [bot, dir, url, ...more], { all: true, reject: false });
}

/** The bot as a process of its own, which can be killed; cluster and repository outlive it. */
describe('kill -9 of the bot in the middle of its work', () => {
  const running: { simulator?: Simulator; bot?: ReturnType<typeof spawnBot>; dir?: string } = {};
  afterEach(async () => {
    running.bot?.kill('SIGKILL');
    await running.bot?.catch(() => undefined);
    await running.simulator?.close();
    if (running.dir !== undefined) await removeTree(running.dir);
  });

  async function begin(importBytesPerSecond: number) {
    const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-kill-'));
    const simulator = await startSimulator({
      seed: demoSeed(),
      importBytesPerSecond,
      statisticsSeconds: 0,
      timeScale: 0.1,
    });
    Object.assign(running, { dir, simulator });
    return { dir, simulator, repository: await createSampleRepository(dir, { system: 'x86_64-linux' }) };
  }

  /** Starts the bot and waits until its console answers. */
  async function startBot(dir: string, simulator: Simulator): Promise<ConsoleClient> {
    return listening(spawnBot(dir, simulator.url), dir);
  }

  async function listening(child: ReturnType<typeof spawnBot>, dir: string): Promise<ConsoleClient> {
    running.bot = child;
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.all?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /^listening (\S+)$/m.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.then(() => reject(new Error(`the bot ended: ${text}`)), reject);
    });
    return new ConsoleClient(url, await readToken(dir));
  }

  async function kill(): Promise<void> {
    const child = running.bot;
    child?.kill('SIGKILL');
    await child;
  }

  const latest = (client: ConsoleClient, title: RegExp): Promise<Message> =>
    client.waitFor(patience, (messages) => {
      const newest = messages.at(-1);
      return newest !== undefined && title.test(newest.card.title) ? newest : undefined;
    });

  it('ends with a truthful card and a plan that finishes the work: creates', async () => {
    const { dir, simulator } = await begin(60_000_000);
    const client = await startBot(dir, simulator);
    const plan = await latest(client, /^Plan: create 4$/);
    await client.press(plan, 'approve');
    // The second guest is at its import: the first one is done, the others are not there yet.
    await client.waitFor(patience, (messages) =>
      messages.find(({ card }) => /create test-cp/.test(card.title) && JSON.stringify(card).includes('disk import')),
    );
    await kill();

    const again = await startBot(dir, simulator);
    const fresh = await latest(again, /^Plan:/);
    const old = (await again.messages()).find(({ id }) => id === plan.id);
    expect(old?.card.title).toMatch(/^Interrupted: step \d of 6, create test-cp \(821\)$/);
    expect(wordsOf(old ?? fresh)).toContain('test-init (820) created');
    expect(wordsOf(old ?? fresh)).toMatch(/Not started: .*create test-worker \(822\), create test-website \(823\)/);
    expect(fresh.card.title).toMatch(/^Plan: update 1, create 2$/);
    expect((await again.messages()).length).toBe(2);

    await again.press(fresh, 'approve');
    await latest(again, /^Applied/);
    expectDone(simulator);
  }, 120_000);

  it('ends with a truthful card and a plan that finishes the work: a replace, whose guest goes on running, and its rollback', async () => {
    const { dir, simulator, repository } = await begin(100_000_000);
    const client = await startBot(dir, simulator);
    await client.press(await latest(client, /^Plan: create 4$/), 'approve');
    await latest(client, /^Applied/);
    const before = structuredClone(simulator.guest(823)?.config);
    await editImage(repository, 'website');
    await client.post('/api/commands', { text: '/proxnix plan' });
    const plan = await latest(client, /^Plan: replace 1$/);
    await client.press(plan, 'approve');
    await client.waitFor(patience, (messages) =>
      messages.find(({ card }) => JSON.stringify(card).includes('disk import of')),
    );
    await kill();
    expect(simulator.guest(823)?.startedAt).toBeDefined();
    expect(simulator.guest(823)?.config).toEqual(before);

    const again = await startBot(dir, simulator);
    const fresh = await latest(again, /^Plan: replace 1$/);
    const old = (await again.messages()).find(({ id }) => id === plan.id);
    expect(old?.card.title).toBe('Interrupted: step 3 of 3, replace test-website (823)');
    await again.press(fresh, 'approve');
    await latest(again, /^Applied/);
    expectDone(simulator);
    expect(simulator.guest(823)?.config['smbios1']).toBe(before?.['smbios1']);

    const disks = disksOf(simulator, 823);
    expect(disks).toHaveLength(2);
    await again.post('/api/commands', { text: '/proxnix rollback test-website' });
    const back = await latest(again, /^Plan: roll back 1$/);
    await again.press(back, 'approve');
    await expect
      .poll(() => simulator.tasks().find(({ type }) => type === 'qmreboot'), { timeout: patience, interval: 5 })
      .toMatchObject({ exit: undefined });
    await kill();
    expect(disksOf(simulator, 823)).toEqual(disks);

    const third = await startBot(dir, simulator);
    const onward = await latest(third, /^Plan: replace 1$/);
    const cut = (await third.messages()).find(({ id }) => id === back.id);
    expect(cut?.card.title).toBe('Interrupted: step 1 of 1, roll back test-website (823)');
    await third.press(onward, 'approve');
    await latest(third, /^Applied/);
    expectDone(simulator);
    expect(disksOf(simulator, 823)).toEqual(expect.arrayContaining([...disks]));
  }, 120_000);

  it('is not tried a third time where the planning of a commit ends it', async () => {
    const { dir, simulator } = await begin(60_000_000);
    for (const life of [1, 2]) {
      const { signal } = await spawnBot(dir, simulator.url, 'dies');
      expect(signal, `life ${life}`).toBe('SIGKILL');
    }
    // The third one would die as well, if it began to evaluate.
    const child = spawnBot(dir, simulator.url, 'dies');
    const client = await listening(child, dir);
    const failed = await latest(client, /^Failed: nothing was changed$/);
    expect(wordsOf(failed)).toContain('The bot stopped 2 times while it planned this commit');
    expect(failed.card.buttons.map(({ id }) => id)).toEqual([expect.stringMatching(/^px1:plan-again:/)]);
  }, 120_000);

  /** Every disk that a guest names, attached, pending or unused. */
  function disksOf(simulator: Simulator, vmid: number): readonly string[] {
    const { config = {}, pending = {} } = simulator.guest(vmid) ?? {};
    const drives = [...Object.entries(config), ...Object.entries(pending)].filter(([key]) =>
      /^(scsi|unused)\d/.test(key),
    );
    return [...new Set(drives.map(([, value]) => String(value).split(',')[0] ?? ''))].sort();
  }

  /** Four guests that run with final tags, no staging guest, no volume of nobody. */
  function expectDone(simulator: Simulator): void {
    const guests = [...simulator.guests()].sort((a, b) => a.vmid - b.vmid);
    expect(guests.map(({ vmid }) => vmid)).toEqual([820, 821, 822, 823]);
    for (const { config, startedAt } of guests) {
      expect(startedAt).toBeDefined();
      expect(readTags(splitTags(String(config['tags'] ?? '')))).toMatchObject({ ours: true, pending: false });
    }
    const named = new Set(
      guests.flatMap(({ config }) => Object.values(config).map((value) => String(value).split(',')[0])),
    );
    const disks = simulator.volumes().filter(({ content }) => content === 'images');
    expect(disks.filter(({ volid }) => !named.has(volid)).map(({ volid }) => volid)).toEqual([]);
  }
});
