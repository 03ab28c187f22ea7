import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Opens a page in a context of its own; it is closed after the test, and an error in the page fails the test. */
export type OpenPage = (options?: BrowserContextOptions) => Promise<Page>;

/**
 * A group of tests in one headless Chromium with a profile of its own. Without Chromium the group is skipped and says
 * so; with CI set it fails instead, so that a CI machine cannot quietly stop testing the page.
 */
export function withBrowser(title: string, tests: (open: OpenPage) => void): void {
  const program = findBrowser();
  if (program === undefined) {
    withoutBrowser(title);
    return;
  }
  describe(title, () => {
    let browser: Browser;
    const failures: Error[] = [];
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: program, args });
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      const [failure] = failures.splice(0);
      if (failure !== undefined) throw failure;
    });
    afterAll(() => browser.close());
    tests(async (options = {}) => {
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.on('pageerror', (error) => failures.push(error));
      return page;
    });
  });
}

function withoutBrowser(title: string): void {
  const reason = `${names[0]} is not installed`;
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    it(`${title} needs a browser`, () => {
      throw new Error(reason);
    });
    return;
  }
  console.log(`skipped: ${title}: ${reason}`);
  it.skip(`${title} (${reason})`, () => undefined);
}

function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
