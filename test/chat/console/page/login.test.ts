import { Hono } from 'hono';
import type { Page } from 'playwright-core';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type HttpServer, startHttp } from '../../../../src/http/server.ts';
import { Secret } from '../../../../src/secret.ts';
import { withBrowser } from '../../../support/browser.ts';
import { aConsole, serve, silent, type TestHandlers, testHandlers, token } from '../rig.ts';
import { plan } from './site.ts';

const otherToken = token.replaceAll('1', '2');

async function aBot(
  of = token,
  port = 0,
): Promise<HttpServer & { readonly handlers: TestHandlers; stop(): Promise<void> }> {
  const handlers = testHandlers();
  const chat = aConsole({ token: new Secret(of) });
  await chat.start(handlers);
  const server = await serve(chat, port);
  const stop = async () => {
    await chat.stop();
    await server.close();
  };
  onTestFinished(stop);
  return { ...server, handlers, stop };
}

/** A page of another site, `localhost` instead of `127.0.0.1`, with a link. */
async function aSiteWithLink(to: string): Promise<string> {
  const page = `<!doctype html><title>elsewhere</title><a href="${to}">Open the console</a>`;
  const routes = new Hono().get('/', (c) => c.html(page));
  const server = await startHttp({ host: '127.0.0.1', port: 0, version: '0', routes: [routes], log: silent });
  onTestFinished(() => server.close());
  return `http://localhost:${server.port}/`;
}

const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor();
const logIn = (page: Page) => page.getByRole('heading', { name: 'proxnix' }).and(page.locator('.login *')).waitFor();
const address = (page: Page) => page.evaluate<string>('location.href');

withBrowser('the log-in in a browser', (open) => {
  let bot: Awaited<ReturnType<typeof aBot>>;
  beforeEach(async () => {
    bot = await aBot();
  });

  it('is done by the printed address, which loses its token at once', async () => {
    const page = await open();
    await page.goto(`${bot.url}/?token=${token}`);
    await live(page);
    expect(await address(page)).toBe(`${bot.url}/`);
    expect(await page.evaluate<string>('document.cookie')).toBe('');
    expect(await page.evaluate<string>('document.referrer')).toBe('');
    await page.goBack();
    expect(await address(page)).toBe('about:blank');
  });

  it('leads to the run whose address was opened, also from a link of another site', async () => {
    bot.handlers.runPage = async (id) => ({ id, fleet: 'homelab', card: plan, times: [], ref: {} });
    const page = await open();
    await page.goto(await aSiteWithLink(`${bot.url}/runs/r-1`));
    await page.getByRole('link').click();
    await logIn(page);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Run r-1' }).waitFor();
    expect(await address(page)).toBe(`${bot.url}/runs/r-1`);
    await page.getByRole('button', { name: 'Approve' }).click();
    await expect.poll(() => bot.handlers.presses.length).toBe(1);
    await page.goto(await aSiteWithLink(`${bot.url}/runs/r-1`));
    await page.getByRole('link').click();
    await page.getByRole('heading', { name: 'Run r-1' }).waitFor();
  });

  it('is done by that address in a link of another site as well', async () => {
    const page = await open();
    await page.goto(await aSiteWithLink(`${bot.url}/?token=${token}`));
    await page.getByRole('link').click();
    await live(page);
    expect(await address(page)).toBe(`${bot.url}/`);
    await page.getByRole('combobox', { name: 'Command' }).fill('status');
    await page.keyboard.press('Enter');
    await expect.poll(() => bot.handlers.requests.length, { timeout: 10_000 }).toBe(1);
  });

  it('is not asked for again when a link of another site leads to the console', async () => {
    const page = await open();
    await page.goto(`${bot.url}/?token=${token}`);
    await live(page);
    await page.goto(await aSiteWithLink(bot.url));
    await page.getByRole('link').click();
    await live(page);
  });

  it('is asked for when a link of another site leads somebody here who is not logged in', async () => {
    const page = await open();
    await page.goto(await aSiteWithLink(bot.url));
    await page.getByRole('link').click();
    await logIn(page);
    expect(await address(page)).toBe(`${bot.url}/login`);
  });

  it('says where the token is, takes it typed, and ends with the log-out', async () => {
    const page = await open();
    await page.goto(bot.url);
    await logIn(page);
    await page.getByText('CONSOLE_TOKEN').waitFor();
    await page.getByLabel('Token').fill('a guess');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This is not the token.').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    await live(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await logIn(page);
    await page.goto(bot.url);
    await logIn(page);
  });

  it('is kept apart for two bots of one machine', async () => {
    const other = await aBot(otherToken);
    const page = await open();
    await page.goto(`${bot.url}/?token=${token}`);
    await live(page);
    await page.goto(`${other.url}/?token=${otherToken}`);
    await live(page);
    await page.goto(bot.url);
    await live(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await logIn(page);
    await page.goto(other.url);
    await live(page);
  });

  it('gives a session that a server on another port of this host can take and not act with', async () => {
    const taken: (string | undefined)[] = [];
    const trap = new Hono()
      .get('/', (c) => c.html('<!doctype html><meta http-equiv="refresh" content="0; url=/again">'))
      .get('/again', (c) => {
        taken.push(c.req.header('cookie'));
        return c.html('<!doctype html><p>Caught</p>');
      });
    const thief = await startHttp({ host: '127.0.0.1', port: 0, version: '0', routes: [trap], log: silent });
    onTestFinished(() => thief.close());
    const page = await open();
    await page.goto(`${bot.url}/?token=${token}`);
    await live(page);
    await page.goto(await aSiteWithLink(thief.url));
    await page.getByRole('link').click();
    await page.getByText('Caught').waitFor();
    const own = { origin: bot.url, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
    for (const path of ['/api/commands', '/api/press', '/api/forms/px1']) {
      const headers = { ...own, 'x-proxnix': '1', cookie: taken[0] ?? '' };
      const body = JSON.stringify({ text: 'lock now', button: 'px1:approve:r-1:p-abc123', values: {} });
      expect((await fetch(bot.url + path, { method: 'POST', headers, body })).status).toBe(401);
    }
    expect(taken[0]).toContain('proxnix_console');
    expect(bot.handlers).toMatchObject({ requests: [], presses: [], submissions: [] });
    await page.goto(bot.url);
    await live(page);
    await page.getByRole('combobox', { name: 'Command' }).fill('status');
    await page.keyboard.press('Enter');
    await expect.poll(() => bot.handlers.requests.length, { timeout: 10_000 }).toBe(1);
  });

  it('is asked for when the bot comes back with another token', async () => {
    const page = await open();
    await page.goto(`${bot.url}/?token=${token}`);
    await live(page);
    await bot.stop();
    await aBot(otherToken, bot.port);
    await logIn(page);
  });
});
