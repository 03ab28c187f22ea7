import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { overviewOf7 } from '../../../support/console-samples.ts';
import { said, withSite } from './site.ts';

const now = Date.now();
const overview = overviewOf7(now);
const [fleet] = overview.fleets;
const row = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
const cells = async (page: Page, name: string) =>
  (await row(page, name).first().getByRole('cell').allInnerTexts()).map((text) => text.replaceAll('\n', ' '));

withSite('the page of the fleets', (site) => {
  it('is reached by the keyboard and shows guests, nodes, storages, runs and connections', async () => {
    site.handlers.overview = async () => overview;
    const page = await site.visit();
    const link = page.getByRole('link', { name: 'Fleet', exact: true });
    for (let press = 0; press < 6 && (await link.and(page.locator(':focus')).count()) === 0; press += 1) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'homelab main' }).waitFor();
    expect(await link.getAttribute('aria-current')).toBe('page');
    expect(await cells(page, 'test-cp 821')).toEqual([
      'running',
      'pve2',
      '07lkakyp build-qcow2-website',
      '4d0c8e1 yesterday',
      '192.0.2.71',
      '5 d 1 h',
      'r-40 applied',
      'drifted r-39',
    ]);
    expect(await cells(page, 'pve1')).toEqual(['online', '23 GiB free of 64 GiB', '16', '47 d 10 h']);
    expect(await cells(page, 'tank')).toEqual(['pve1, pve2, pve3', 'nfs', '5.0 TiB free of 7.0 TiB']);
    await page.getByText('does not answer; it answered 2 hours ago').waitFor();
    expect(await page.getByRole('link', { name: 'test-cp' }).getAttribute('href')).toBe(
      'https://pve1.example.net:8006/#v1:0:=qemu%2F821',
    );
    expect(await page.getByRole('link', { name: 'r-41' }).getAttribute('href')).toBe('/runs/r-41');
    await page.getByText('is running, run of another fleet is waiting').waitFor();
  });

  it('calls unknown what is unknown', async () => {
    site.handlers.overview = async () => overview;
    const page = await site.visit({}, '/fleet');
    await page.getByRole('heading', { name: 'homelab' }).waitFor();
    expect(await cells(page, 'test-worker')).toEqual([
      ...['unfinished', 'pve1', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown', 'none'],
    ]);
    expect((await cells(page, 'a-guest-with')).slice(-3)).toEqual(['–', 'unknown', 'not checked']);
    expect(await cells(page, 'pve3')).toEqual(['offline', 'unknown', 'unknown', 'unknown']);
  });

  it('says that nothing is known of a cluster that never answered, and shows it as soon as it does', async () => {
    const { cluster, ...unread } = fleet ?? overviewOf7(now).fleets[0] ?? {};
    site.handlers.overview = async () => ({ fleets: [unread as NonNullable<typeof fleet>], reached: [] });
    const page = await site.visit({}, '/fleet');
    await page.getByText('its guests, nodes and storages are unknown').waitFor();
    expect(await page.getByRole('table').count()).toBe(0);
    expect(cluster).toBeDefined();
    site.handlers.overview = async () => overview;
    await page.getByText('7 guests').waitFor();
    expect(await said(page)).toBe('Git acme/fleet does not answer');
  });

  it('asks for nothing while it is hidden, and goes on when it is seen', async () => {
    let asked = 0;
    site.handlers.overview = async () => {
      asked += 1;
      return overview;
    };
    const page = await site.visit({}, '/fleet');
    await page.getByText('7 guests').waitFor();
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await hide(true);
    let before = -1;
    await expect
      .poll(
        () => {
          const same = asked === before;
          before = asked;
          return same;
        },
        { interval: 200 },
      )
      .toBe(true);
    await hide(false);
    await expect.poll(() => asked).toBeGreaterThan(before);
  });

  it('takes a lock of applying into sight', async () => {
    const lock = { reason: 'the UPS is replaced', by: { chat: 'console', id: 'owner', name: 'Ada' } };
    site.handlers.overview = async () => ({ ...overview, fleets: overview.fleets.map((one) => ({ ...one, lock })) });
    const page = await site.visit({}, '/fleet');
    await page.getByText('Applying is locked by Ada: the UPS is replaced').waitFor();
  });

  it('answers commands where it is', async () => {
    site.handlers.overview = async () => overview;
    site.handlers.answer = () => ({ kind: 'note', text: 'Locked.' });
    const page = await site.visit({}, '/fleet');
    await page.keyboard.press('/');
    await page.keyboard.type('status');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.getByRole('list', { name: 'Answers to you' }).getByText('Locked.').waitFor();
  });
});
