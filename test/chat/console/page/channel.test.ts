import { expect, it } from 'vitest';
import { aCard } from '../rig.ts';
import {
  approve,
  cancel,
  fromEnd,
  isFocused,
  plan,
  running,
  said,
  scrolled,
  scrollTo,
  tall,
  tooWide,
  withSite,
} from './site.ts';

withSite('the channel of the page', (site) => {
  it('says what to do while nothing has happened, and makes room for the first card', async () => {
    const page = await site.visit();
    await page.getByText('Nothing has happened yet').waitFor();
    await site.show(plan);
    await page.getByRole('article', { name: 'Plan: create 1' }).waitFor();
    expect(await page.getByText('Nothing has happened yet').isVisible()).toBe(false);
  });

  it('moves a progress bar without taking the focus, the place or the open log of its reader', async () => {
    for (let n = 0; n < 8; n += 1) await site.show(tall(n));
    const log = (text: string) => ({ files: [{ name: 'log.txt', title: 'Log', text }] });
    const ref = await site.show(running(10, log('first line')));
    for (let n = 0; n < 8; n += 1) await site.show(tall(n));
    const page = await site.visit();
    const card = page.getByRole('article', { name: 'Applying' });
    await card.getByText('log.txt').click();
    await card.getByText('first line').waitFor();
    const button = card.getByRole('button', { name: cancel.label });
    await button.focus();
    const before = await scrolled(page);
    expect(before).toBeGreaterThan(0);
    await site.show(running(55, log('first line\nsecond line')), ref);
    await page.locator('progress[value="0.55"]').waitFor();
    await card.getByText('second line').waitFor();
    expect(await isFocused(button)).toBe(true);
    expect(await scrolled(page)).toBe(before);
    expect(await said(page)).toBe('');
  });

  it('gives the focus to the card when the focused button goes with its plan, and says the new state', async () => {
    const ref = await site.show(plan);
    const page = await site.visit();
    await page.getByRole('button', { name: 'Approve' }).focus();
    await site.show(running(0), ref);
    const card = page.getByRole('article', { name: 'Applying' });
    await card.waitFor();
    expect(await isFocused(card)).toBe(true);
    expect(await said(page)).toBe('homelab: Applying: step 1 of 2');
  });

  it('keeps the focus on a button when another before it goes', async () => {
    const both = { ...plan, buttons: [approve, cancel] };
    const ref = await site.show(both);
    const page = await site.visit();
    const button = page.getByRole('button', { name: cancel.label });
    await button.focus();
    await site.show({ ...both, buttons: [cancel] }, ref);
    await page.getByRole('button', { name: 'Approve' }).waitFor({ state: 'detached' });
    expect(await isFocused(button)).toBe(true);
  });

  it('follows its end, and counts what came while its reader was further up', async () => {
    for (let n = 0; n < 8; n += 1) await site.show(tall(n));
    const page = await site.visit();
    await site.show(aCard({ title: 'Plan: second' }));
    await page.getByRole('article', { name: 'Plan: second' }).waitFor();
    await expect.poll(() => fromEnd(page)).toBeLessThan(2);
    await scrollTo(page, 0);
    await site.show(aCard({ title: 'Plan: third' }));
    const jump = page.getByRole('button', { name: '1 update' });
    await jump.waitFor();
    expect(await scrolled(page)).toBe(0);
    expect(await page.title()).toBe('(1) proxnix');
    await jump.click();
    await jump.waitFor({ state: 'hidden' });
    expect(await fromEnd(page)).toBeLessThan(2);
    expect(await page.title()).toBe('proxnix');
  });

  it('shows replies below their card, older ones on request', async () => {
    const ref = await site.show(plan);
    const page = await site.visit();
    for (let n = 1; n <= 5; n += 1) await site.reply(aCard({ title: `Reply ${n}` }), ref);
    const thread = page.getByRole('list', { name: 'Thread' });
    await thread.getByRole('article', { name: 'Reply 5' }).waitFor();
    expect(await thread.getByRole('article', { name: 'Reply 2' }).isVisible()).toBe(false);
    await thread.getByText('2 earlier replies').click();
    await thread.getByRole('article', { name: 'Reply 2' }).waitFor();
  });

  it('shows times on the clock of the reader', async () => {
    const time = Date.UTC(2020, 0, 2, 3, 4);
    await site.show(aCard({ blocks: [{ kind: 'text', rich: [{ time, show: 'date-time' }] }] }));
    const page = await site.visit({ timezoneId: 'Asia/Tokyo' });
    expect(await page.getByRole('article').locator('time').textContent()).toContain('12:04');
  });

  it('fits a phone', async () => {
    await site.show(running(42, { buttons: [approve, cancel] }));
    const page = await site.visit({ viewport: { width: 360, height: 640 } });
    expect(await tooWide(page)).toBe(0);
    for (const name of ['Approve', 'Send', 'Help']) {
      expect(await page.getByRole('button', { name }).isVisible()).toBe(true);
    }
  });
});
