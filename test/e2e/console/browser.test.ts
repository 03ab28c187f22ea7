import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planOf } from '../../../src/core/run.ts';
import { readTags, splitTags } from '../../../src/core/tags.ts';
import * as edits from '../../../src/demo/edits.ts';
import { withBrowser } from '../../support/browser.ts';
import { newestRun } from '../chats/waits.ts';
import { aChatWorld, type ChatWorld } from '../chats/world.ts';

const slowly = { timeout: 30_000 };

/** One person at the console: each test goes on where the one before ended. */
withBrowser('the console in a browser, from a push to the final tags', (open) => {
  let world: ChatWorld;
  beforeAll(async () => {
    // slow enough for a person to see the disk being imported
    world = await aChatWorld({ chats: [], importBytesPerSecond: 60_000_000 });
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  const visit = async (): Promise<Page> => {
    const page = await open();
    await page.goto(world.app.console?.url ?? '');
    await live(page).waitFor();
    return page;
  };
  const live = (page: Page) => page.getByText('Live', { exact: true });
  /** The newest card with such a title; replies in threads are none. */
  const card = (page: Page, name: RegExp) =>
    page.getByRole('article', { name }).and(page.locator('li.message > article')).last();
  const answers = (page: Page) => page.getByRole('list', { name: 'Answers to you' });
  const tagsOf = (vmid: number) => readTags(splitTags(String(world.simulator.guest(vmid)?.config['tags'] ?? '')));

  /** Goes there by Tab alone. */
  const tabTo = async (page: Page, target: Locator): Promise<void> => {
    for (let press = 0; press < 40; press += 1) {
      if ((await target.and(page.locator(':focus')).count()) === 1) return;
      await page.keyboard.press('Tab');
    }
    throw new Error('Tab never came there');
  };

  it('shows the plan of a push in the open page, and is approved with the keyboard alone', async () => {
    const page = await visit();
    await page.getByText('Nothing has happened yet').waitFor();
    await world.begin();
    const plan = card(page, /^Plan: create 4/);
    await plan.waitFor(slowly);
    for (const name of ['test-init', 'test-cp', 'test-worker', 'test-website'])
      await plan.getByText(name, { exact: true }).waitFor();
    await tabTo(page, plan.getByRole('button', { name: 'Approve' }));
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: /^Apply plan p-/ });
    await dialog.getByText('Creates test-init (820)').waitFor();
    expect(newestRun(world).phase).toBe('planned');
    await tabTo(page, dialog.getByRole('button', { name: 'Approve' }));
    await page.keyboard.press('Enter');
    await card(page, /^Applying: step \d of \d/).waitFor(slowly);
  }, 60_000);

  it('shows the progress of the run after a reload in its middle, and the final tags', async () => {
    const page = await visit();
    const working = card(page, /^Applying/);
    await working.getByText(/disk import of test-\w+ \(\d+\)/).waitFor(slowly);
    await page.reload();
    await live(page).waitFor();
    await card(page, /^Applying/)
      .getByRole('progressbar')
      .first()
      .waitFor(slowly);
    const applied = card(page, /^Applied: created 4/);
    await applied.waitFor(slowly);
    expect(await page.getByRole('main').getByRole('article').filter({ hasText: 'Four VMs' }).count()).toBe(1);
    const words = (await applied.textContent()) ?? '';
    for (const vmid of [820, 821, 822, 823]) {
      expect(tagsOf(vmid)).toMatchObject({ ours: true, pending: false });
      expect(words).toContain(`nix-${tagsOf(vmid).imageHash}`);
    }
    expect(words).toContain(`commit-${tagsOf(820).commit}`);
    await page.getByRole('list', { name: 'Thread' }).getByRole('article', { name: 'Applied: created 4' }).waitFor();
  }, 60_000);

  it('goes on with a card that stood open while the bot was started again, and its button works', async () => {
    const page = await visit();
    await edits.editMemory(world.repository, 'cp', 4096);
    const plan = card(page, /^Plan: update 1/);
    await plan.waitFor(slowly);
    await world.halt();
    await page.getByText('Reconnecting…').waitFor(slowly);
    await world.start();
    await live(page).waitFor(slowly);
    await plan.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await card(page, /^Applied: updated 1/).waitFor(slowly);
    expect(world.simulator.guest(821)?.config['memory']).toBe('4096');
  }, 60_000);

  it('says why a decision is refused, to the one who typed it', async () => {
    await world.halt();
    await world.start({ APPROVERS: '' });
    const [mine, other] = [await visit(), await visit()];
    await edits.editMemory(world.repository, 'cp', 2048);
    const plan = card(mine, /^Plan: update 1/);
    await plan.getByText('nobody may approve: APPROVERS is not set').waitFor(slowly);
    expect(await plan.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    const { id } = newestRun(world);
    await mine.getByRole('combobox', { name: 'Command' }).fill(`approve ${id} ${planOf(newestRun(world))?.id}`);
    await mine.keyboard.press('Enter');
    await answers(mine).getByText('not-an-approver').waitFor(slowly);
    expect(await other.getByText('not-an-approver').count()).toBe(0);
    expect(newestRun(world).phase).toBe('planned');
    await world.halt();
    await world.start();
  }, 60_000);

  it('takes a reason with a rejection', async () => {
    const page = await visit();
    await card(page, /^Plan: update 1/)
      .getByRole('button', { name: 'Reject' })
      .click();
    const dialog = page.getByRole('dialog', { name: /^Reject run/ });
    await dialog.getByRole('textbox').fill('not <b>before</b> the weekend');
    await dialog.getByRole('button', { name: 'Reject' }).click();
    const rejected = card(page, /^Rejected: update 1/);
    await rejected.getByText('not <b>before</b> the weekend').waitFor(slowly);
  });

  it('destroys a VM only after its name was typed', async () => {
    const page = await visit();
    await edits.editMemory(world.repository, 'cp', 4096);
    await card(page, /^In sync/).waitFor(slowly);
    await edits.removeGuest(world.repository, 'website');
    const plan = card(page, /^Plan: destroy 1/);
    await plan.getByText('its disks are deleted').first().waitFor(slowly);
    await plan.getByRole('button', { name: 'Approve (destroys 1 guest)' }).click();
    const dialog = page.getByRole('dialog', { name: 'Destroy 1 guest?' });
    await dialog.getByRole('textbox').fill('test-web');
    await page.keyboard.press('Enter');
    await dialog.getByText('Type test-website', { exact: true }).waitFor(slowly);
    expect(world.simulator.guest(823)).toBeDefined();
    await dialog.getByRole('textbox').fill('test-website');
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden', ...slowly });
    await card(page, /^Applied: destroyed 1/).waitFor(slowly);
    expect(world.simulator.guest(823)).toBeUndefined();
  }, 60_000);

  it('completes commands and their arguments, and answers to the one who asked', async () => {
    const [page, other] = [await visit(), await visit()];
    const line = page.getByRole('combobox', { name: 'Command' });
    await page.keyboard.press('/');
    await page.keyboard.type('sta');
    await page.getByRole('option', { name: 'status' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await line.inputValue()).toBe('status ');
    await page.keyboard.type('test-w');
    await page.getByRole('option', { name: 'test-worker' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await line.inputValue()).toMatch(/^status test-worker ?$/);
    await page.keyboard.press('Enter');
    await answers(page).getByText('822').first().waitFor(slowly);
    await page.keyboard.type('history');
    await page.keyboard.press('Enter');
    await answers(page)
      .getByText(/r-1 applied [0-9a-f]{7}: create 4/)
      .waitFor(slowly);
    expect(await other.getByText(/r-1 applied/).count()).toBe(0);
    await page.keyboard.type('plan');
    await page.keyboard.press('Enter');
    await answers(page)
      .getByText(/Planning as run r-\d+/)
      .waitFor(slowly);
    await card(page, /^In sync: [0-9a-f]{7} \(Remove test-website\) changes nothing/).waitFor(slowly);
  }, 60_000);
});
