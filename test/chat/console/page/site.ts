import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterEach, beforeEach } from 'vitest';
import type { MessageRef } from '../../../../src/chat/chat.ts';
import type { ConsoleChat } from '../../../../src/chat/console/console.ts';
import type { HttpServer } from '../../../../src/http/server.ts';
import type { Button, Card } from '../../../../src/views/card.ts';
import { withBrowser } from '../../../support/browser.ts';
import { aCard, aConsole, serve, type TestHandlers, testHandlers, testStore, token } from '../rig.ts';

/** A bot with its console, and a browser to look at it. */
export interface Site {
  readonly handlers: TestHandlers;
  show(card: Card, ref?: MessageRef): Promise<MessageRef>;
  reply(card: Card, ref: MessageRef): Promise<void>;
  /** The page in a browser of its own, when it is live. */
  visit(options?: BrowserContextOptions, path?: string): Promise<Page>;
  /** The chat alone stops and starts; the server goes on. */
  stopChat(): Promise<void>;
  startChat(): Promise<void>;
  /** The whole bot goes away and comes back at the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const approve: Button = {
  action: 'approve',
  label: 'Approve',
  style: 'primary',
  runId: 'r-1',
  planId: 'p-abc123',
};
export const cancel: Button = {
  action: 'cancel',
  label: 'Stop after this guest',
  style: 'plain',
  runId: 'r-1',
  confirm: { title: 'Stop?', text: 'What is done stays done.', yes: 'Stop' },
};
export const plan = aCard({ tone: 'waiting', title: 'Plan: create 1', buttons: [approve] });

export function running(percent: number, more: Partial<Card> = {}): Card {
  const text = `${percent} %`;
  const blocks = [{ kind: 'progress', label: 'import', fraction: percent / 100, text }] as const;
  return aCard({ tone: 'working', title: 'Applying: step 1 of 2', blocks, buttons: [cancel], ...more });
}

/** A card that fills a good part of a window. */
export function tall(n: number): Card {
  const lines = Array.from({ length: 12 }, (_, line) => ({ text: `line ${line} of card ${n}` }));
  return aCard({ title: `In sync: ${n}`, blocks: [{ kind: 'lines', lines }] });
}

export function withSite(title: string, tests: (site: Site) => void): void {
  withBrowser(title, (open) => {
    let chat: ConsoleChat;
    let server: HttpServer;
    let handlers: TestHandlers;
    let messages = testStore();
    const startBot = async (port: number) => {
      chat = aConsole({ messages, fleetsEveryMs: 20 });
      await chat.start(handlers);
      server = await serve(chat, port);
    };
    beforeEach(async () => {
      messages = testStore();
      handlers = testHandlers();
      await startBot(0);
    });
    afterEach(async () => {
      await chat.stop();
      await server.close();
    });
    tests({
      get handlers() {
        return handlers;
      },
      show: (card, ref = {}) => chat.show('homelab', card, ref),
      reply: (card, ref) => chat.reply('homelab', card, ref),
      visit: async (options, path = '/') => {
        const page = await open(options);
        await page.goto(`${server.url}/?token=${token}`);
        if (path !== '/') await page.goto(`${server.url}${path}`);
        await page.getByText('Live', { exact: true }).waitFor();
        return page;
      },
      stopChat: () => chat.stop(),
      startChat: () => chat.start(handlers),
      stop: async () => {
        await chat.stop();
        await server.close();
      },
      start: () => startBot(server.port),
    });
  });
}

// What runs inside the page is text here: this project's types are those of Node, not of a browser.

export async function isFocused(locator: Locator): Promise<boolean> {
  return (await locator.and(locator.page().locator(':focus')).count()) === 1;
}

/** The words that `aria-describedby` points to. */
export async function description(locator: Locator): Promise<string> {
  const ids = (await locator.getAttribute('aria-describedby'))?.split(' ') ?? [];
  const texts = await Promise.all(ids.map((id) => locator.page().locator(`#${id}`).textContent()));
  return texts.join(' ');
}

/** Where the page is scrolled to, in pixels from its top. */
export function scrolled(page: Page): Promise<number> {
  return page.evaluate<number>('scrollY');
}

export function scrollTo(page: Page, top: number): Promise<void> {
  return page.evaluate<undefined>(`scrollTo({ top: ${top}, behavior: 'instant' })`);
}

/** Pixels between what is seen and the end of the page. */
export function fromEnd(page: Page): Promise<number> {
  const root = 'document.documentElement';
  return page.evaluate<number>(`${root}.scrollHeight - ${root}.scrollTop - ${root}.clientHeight`);
}

/** Pixels that the page is wider than its window. */
export function tooWide(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

export function paper(page: Page): Promise<string> {
  return page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
}

/** What was said to screen readers. */
export async function said(page: Page): Promise<string> {
  return (await page.locator('#live').textContent()) ?? '';
}
