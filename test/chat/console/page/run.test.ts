import { expect, it } from 'vitest';
import type { MessageRef, RunPage } from '../../../../src/chat/chat.ts';
import { aCard } from '../rig.ts';
import { plan, running, withSite } from './site.ts';

const at = Date.UTC(2026, 10, 22, 9, 56);

withSite('the page of a run', (site) => {
  const has = (card: RunPage['card'], ref: MessageRef = {}) => {
    const times = [{ what: 'begun', at }];
    site.handlers.runPage = async (id) => (id === 'r-1' ? { id, fleet: 'homelab', card, times, ref } : undefined);
  };

  it('is reached from its card, and has the card, its times and its thread', async () => {
    const ref = await site.show(plan);
    await site.reply(aCard({ title: 'Plan expires soon' }), ref);
    has(plan, ref);
    const page = await site.visit();
    await page.getByRole('link', { name: 'Plan: create 1' }).click();
    await page.getByRole('heading', { name: 'Run r-1 homelab' }).waitFor();
    expect(await page.title()).toBe('r-1: Plan: create 1 - proxnix');
    expect(await page.getByRole('list', { name: 'Times' }).textContent()).toBe('begun 22 Nov 2026, 09:56');
    await page.getByRole('list', { name: 'Thread' }).getByRole('article', { name: 'Plan expires soon' }).waitFor();
  });

  it('goes on with its run, and its buttons work', async () => {
    const ref = await site.show(plan);
    has(plan, ref);
    const page = await site.visit({}, '/runs/r-1');
    await page.getByRole('button', { name: 'Approve' }).click();
    await expect.poll(() => site.handlers.presses).toMatchObject([{ action: 'approve', runId: 'r-1' }]);
    has(running(40), ref);
    await site.show(running(40), ref);
    await page.getByRole('article', { name: 'Applying: step 1 of 2' }).waitFor();
  });

  it('has the files of a run that is no longer in the channel', async () => {
    has({ ...plan, files: [{ name: 'plan.diff', title: 'Full plan', text: 'the whole plan' }] });
    const page = await site.visit({}, '/runs/r-1');
    await page.getByText('plan.diff').click();
    await page.getByText('the whole plan').waitFor();
  });

  it('says that there is no such run', async () => {
    const page = await site.visit({}, '/runs/r-99');
    await page.getByText('There is no run r-99 here.').waitFor();
    await page.getByRole('link', { name: 'Go to the channel' }).click();
    await page.getByText('Nothing has happened yet').waitFor();
  });
});
