import { expect, it } from 'vitest';
import { plan, running, withSite } from './site.ts';

withSite('the connection of the page', (site) => {
  it('says that it reconnects while the bot is away, and catches up with what happened', async () => {
    const ref = await site.show(plan);
    const page = await site.visit();
    await site.stop();
    await page.getByText('Reconnecting…').waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('list', { name: 'Answers to you' }).getByText('proxnix did not answer.').waitFor();
    await site.start();
    await site.show(running(5), ref);
    await page.getByRole('article', { name: 'Applying' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.getByRole('main').getByRole('article').count()).toBe(1);
    await site.show(running(6), ref);
    await page.getByText('6 %').waitFor();
  });

  it('waits for a chat that starts later than its server', async () => {
    const page = await site.visit();
    await site.stopChat();
    await page.getByText('Reconnecting…').waitFor();
    await site.startChat();
    await site.show(plan);
    await page.getByRole('article', { name: 'Plan: create 1' }).waitFor();
  });

  it('shows the same after a reload', async () => {
    await site.show(plan);
    const page = await site.visit();
    await page.reload();
    await page.getByRole('article', { name: 'Plan: create 1' }).waitFor();
    expect(await page.getByRole('article').count()).toBe(1);
  });
});
