import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as edits from '../../../src/demo/edits.ts';
import { withBrowser } from '../../support/browser.ts';
import { newestRun } from '../chats/waits.ts';
import { aChatWorld, type ChatWorld } from '../chats/world.ts';

const slowly = { timeout: 30_000 };
const themes = ['light', 'dark'] as const;
/** `PICTURES=.github/images` writes those of the README. */
const pictures = process.env['PICTURES'];

/** The pages over the whole bot: a fleet is deployed, and a plan with every action waits. */
withBrowser('the pages of the console over the whole bot', (open) => {
  let world: ChatWorld;
  beforeAll(async () => {
    world = await aChatWorld({ chats: [] });
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  const visit = async (colorScheme: (typeof themes)[number], view = '/', width = 1280): Promise<Page> => {
    const page = await open({ colorScheme, viewport: { width, height: 900 } });
    await page.goto(world.app.console?.url ?? '');
    if (view !== '/') await page.goto(`${world.app.url}${view}`);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  };
  const card = (page: Page, name: RegExp) => page.getByRole('article', { name }).last();

  /** A part of the page with some of the paper around it, without the command line that lies over it. */
  const picture = async (page: Page, part: Locator, name: string): Promise<void> => {
    if (pictures === undefined) return;
    await page.evaluate("document.querySelector('.dock').style.display = 'none'");
    const { height = 0 } = (await part.boundingBox()) ?? {};
    await page.setViewportSize({ width: 1280, height: Math.ceil(height) + 200 });
    await part.scrollIntoViewIfNeeded();
    const { x = 0, y = 0, width = 0 } = (await part.boundingBox()) ?? {};
    const clip = { x: x - 16, y: y - 16, width: width + 32, height: height + 32 };
    await page.screenshot({ path: path.join(pictures, `${name}.png`), clip });
  };

  it('show the fleet, the run and the plan as they are', async () => {
    const page = await visit('light');
    await world.begin();
    await card(page, /^Plan: create 4/)
      .getByRole('button', { name: 'Approve' })
      .click(slowly);
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await card(page, /^Applied: created 4/).waitFor(slowly);
    const applied = newestRun(world).id;

    await page.getByRole('combobox', { name: 'Command' }).fill('drift');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.getByRole('list', { name: 'Answers to you' }).getByText('nothing differs from').waitFor(slowly);
    await edits.manyChanges(world.repository, 'website', 'fast');
    await edits.editMemory(world.repository, 'cp', 4096);
    await edits.addContainer(world.repository);
    await edits.removeGuest(world.repository, 'worker');
    await card(page, /^Plan: destroy 1/).waitFor(slowly);

    for (const theme of themes) {
      const channel = await visit(theme);
      const plan = card(channel, /^Plan: destroy 1/);
      await plan.getByRole('rowheader', { name: 'test-worker' }).waitFor();
      await picture(channel, channel.locator('li.message', { has: plan }).last(), `plan-${theme}`);

      const fleet = await visit(theme, '/fleet');
      const row = fleet.getByRole('row').filter({ has: fleet.getByRole('rowheader', { name: 'test-website 823' }) });
      await row.getByText('running').waitFor(slowly);
      await row.getByText(/^10\./).waitFor(slowly);
      expect(await row.getByRole('link').first().getAttribute('href')).toBe(`${world.simulator.url}/#v1:0:=qemu%2F823`);
      await row.getByText('none', { exact: true }).waitFor(slowly);
      await picture(fleet, fleet.locator('#page'), `fleet-${theme}`);

      const run = await visit(theme, `/runs/${applied}`);
      await run
        .getByRole('article', { name: /^Applied: created 4/ })
        .first()
        .waitFor();
      await run.getByRole('list', { name: 'Times' }).getByText('approved by').waitFor();
      await picture(run, run.locator('#page'), `run-${theme}`);
    }
  }, 120_000);
});
