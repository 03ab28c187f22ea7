import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { appliedCard, applyOf9, overviewOf7, planOf40 } from '../../../support/console-samples.ts';
import { type Site, tooWide, withSite } from './site.ts';

const now = Date.now();
const themes = ['light', 'dark'] as const;
const widths = [1280, 768, 390, 320];

/** Something to see in every view. */
async function fill(site: Site): Promise<void> {
  const ref = await site.show(applyOf9(now));
  await site.reply(appliedCard, ref);
  await site.show(planOf40);
  const times = [{ what: 'begun', at: now - 400_000 }];
  site.handlers.overview = async () => overviewOf7(now);
  site.handlers.runPage = async (id) => ({ id, fleet: 'homelab', card: applyOf9(now), times, ref });
}

const views = [
  { path: '/', ready: (page: Page) => page.getByRole('article', { name: 'Plan: destroy 1' }).waitFor() },
  { path: '/fleet', ready: (page: Page) => page.getByText('7 guests').waitFor() },
  { path: '/runs/r-41', ready: (page: Page) => page.getByRole('heading', { name: 'Run r-41' }).waitFor() },
];

/** Names of what can be used and has none. */
const nameless = `[...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, progress')]
  .filter((one) => one.offsetParent !== null)
  .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
  .map((one) => one.outerHTML)`;

/** Tables whose cells have no head, and tables without a caption. */
const headless = `[...document.querySelectorAll('table')]
  .filter((table) => table.caption === null ||
    [...table.tBodies[0].rows].some((row) => row.cells.length !== table.tHead.rows[0].cells.length))
  .map((table) => table.outerHTML.slice(0, 200))`;

/** Ids that stand twice. */
const doubled = `[...document.querySelectorAll('[id]')].map((one) => one.id)
  .filter((id, index, all) => all.indexOf(id) !== index)`;

withSite('the looks of the page', (site) => {
  it.each(widths.flatMap((width) => themes.map((theme) => [width, theme] as const)))(
    'fit a window of %i px in %s colours',
    async (width, colorScheme) => {
      await fill(site);
      for (const { path, ready } of views) {
        const page = await site.visit({ colorScheme, viewport: { width, height: 800 } }, path);
        await ready(page);
        expect([path, await tooWide(page)]).toEqual([path, 0]);
        const past = `[...document.querySelectorAll('main *')].filter((one) =>
          one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && one.closest('pre, thead, .unseen') === null)
          .map((one) => one.outerHTML.slice(0, 120))`;
        expect([path, await page.evaluate<unknown>(past)]).toEqual([path, []]);
        await page.context().close();
      }
    },
    30_000,
  );

  it('give a name to everything that can be used, a head to every cell, and each id once', async () => {
    await fill(site);
    for (const { path, ready } of views) {
      const page = await site.visit({}, path);
      await ready(page);
      for (const problems of [nameless, headless, doubled]) {
        expect([path, await page.evaluate<unknown>(problems)]).toEqual([path, []]);
      }
    }
  });

  it('keep the roles of a table where a phone shows a guest below the other', async () => {
    await fill(site);
    const page = await site.visit({ viewport: { width: 320, height: 800 } });
    const table = page.getByRole('table', { name: 'What the plan does to each guest' }).first();
    const row = table.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'test-cp' }) });
    expect(await row.getByRole('cell').allInnerTexts()).toEqual([
      expect.stringContaining('update'),
      '821',
      expect.stringContaining('cores 2 -> 4 (restart)'),
    ]);
  });

  it('show where the focus is', async () => {
    await fill(site);
    const page = await site.visit();
    const plan = page.getByRole('article', { name: 'Plan: destroy 1' });
    for (const target of [plan.getByText(/more changes/), plan.getByRole('button', { name: 'Reject' })]) {
      await target.focus();
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Tab');
      const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline).toBe('solid');
    }
  });

  it('open at the newest open plan, with what it destroys in sight', async () => {
    await fill(site);
    for (let n = 0; n < 3; n += 1) await site.show({ ...appliedCard, title: `Applied: ${n}` });
    const page = await site.visit({ viewport: { width: 390, height: 700 } });
    await page.locator('tr.destroy').waitFor();
    const isSeen = `(() => {
      const row = document.querySelector('tr.destroy').getBoundingClientRect();
      return row.top >= 0 && row.bottom <= document.querySelector('.dock').getBoundingClientRect().top;
    })()`;
    await expect.poll(() => page.evaluate<boolean>(isSeen)).toBe(true);
  });

  it('let the time of what runs go on', async () => {
    await site.show(applyOf9(Date.now()));
    const page = await site.visit();
    const time = page.getByRole('row', { name: 'test-website' }).getByRole('time');
    const before = await time.textContent();
    await expect.poll(() => time.textContent(), { timeout: 5000 }).not.toBe(before);
  });
});
