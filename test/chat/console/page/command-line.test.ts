import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { isFocused, withSite } from './site.ts';

const line = (page: Page) => page.getByRole('combobox', { name: 'Command' });
const active = async (page: Page) => {
  const id = await line(page).getAttribute('aria-activedescendant');
  return id === null ? undefined : page.locator(`#${id} .value`).textContent();
};

withSite('the command line of the page', (site) => {
  it('is reached by a slash, completes by Tab, and runs by Enter', async () => {
    site.handlers.answer = () => ({ kind: 'note', text: 'Rejected.' });
    const page = await site.visit();
    await page.keyboard.press('/');
    expect(await isFocused(line(page))).toBe(true);
    expect(await line(page).inputValue()).toBe('');
    await page.keyboard.type('rej');
    await page.getByRole('option', { name: 'reject' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await line(page).inputValue()).toBe('reject ');
    await page.locator('#command-hint').getByText('reject <run> [reason …]').waitFor();
    await page.keyboard.type('r-');
    await page.getByRole('option', { name: 'run-r-2' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await active(page)).toBe('run-r-2');
    await page.keyboard.press('Enter');
    expect(await line(page).inputValue()).toBe('reject run-r-2 ');
    expect(site.handlers.requests).toEqual([]);
    await page.keyboard.type('not today');
    await page.keyboard.press('Enter');
    await page.getByRole('list', { name: 'Answers to you' }).getByText('Rejected.').waitFor();
    expect(site.handlers.requests).toMatchObject([{ name: 'reject', args: { run: 'run-r-2', reason: 'not today' } }]);
    expect(await line(page).inputValue()).toBe('');
    expect(await isFocused(line(page))).toBe(true);
  });

  it('tells what stands before the option that it completes', async () => {
    const page = await site.visit();
    for (const head of ['', '/', '/proxnix ']) {
      await line(page).fill('');
      await page.keyboard.press('/');
      await line(page).fill(`${head}approve r-1 p-`);
      await page.getByRole('option', { name: 'plan-p-1' }).waitFor();
      const asked = site.handlers.completions.at(-1);
      expect(asked, head).toMatchObject({ command: 'approve', typed: 'p-', args: { run: 'r-1' } });
      expect(asked?.option.name).toBe('plan');
    }
  });

  it('goes round through the suggestions with the line itself among them', async () => {
    const page = await site.visit();
    await line(page).focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('listbox').waitFor();
    const seen: unknown[] = [];
    for (let press = 0; press < 5; press += 1) {
      await page.keyboard.press('ArrowDown');
      seen.push(await active(page));
    }
    expect(seen).toEqual(['plan', 'reject', 'approve', 'status', undefined]);
    await page.keyboard.press('ArrowUp');
    expect(await active(page)).toBe('status');
    expect(await line(page).getAttribute('aria-expanded')).toBe('true');
    await page.keyboard.press('Escape');
    expect(await line(page).getAttribute('aria-expanded')).toBe('false');
    expect(await page.getByRole('listbox').isVisible()).toBe(false);
  });

  it('accepts no suggestion that no longer continues the line', async () => {
    const page = await site.visit();
    await line(page).fill('reject ');
    await page.getByRole('option', { name: 'run-2' }).waitFor();
    // The answer to what is typed now does not come in time.
    site.handlers.complete = () => new Promise(() => {});
    await page.keyboard.type('run-2');
    expect(await page.getByRole('option').allTextContents()).toEqual([expect.stringContaining('run-2')]);
    await page.keyboard.press('Tab');
    expect(await line(page).inputValue()).toBe('reject run-2 ');
  });

  it('leaves Tab alone when nothing is suggested', async () => {
    const page = await site.visit();
    await line(page).focus();
    await page.keyboard.press('Tab');
    expect(await isFocused(page.getByRole('button', { name: 'Send' }))).toBe(true);
  });

  it('takes a suggestion by the mouse without losing the focus', async () => {
    const page = await site.visit();
    await line(page).focus();
    await page.keyboard.type('/proxnix st');
    await page.getByRole('option', { name: 'status' }).click();
    expect(await line(page).inputValue()).toBe('/proxnix status ');
    expect(await isFocused(line(page))).toBe(true);
  });

  it('brings back earlier lines, also after a reload, and the draft after them', async () => {
    const page = await site.visit();
    for (const text of ['status', 'plan main']) {
      await line(page).fill(text);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Enter');
      await expect.poll(() => site.handlers.requests.at(-1)?.name).toBe(text.split(' ')[0]);
    }
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    await line(page).focus();
    await page.keyboard.type('x');
    const seen: string[] = [];
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowDown', 'ArrowDown']) {
      await page.keyboard.press(key);
      seen.push(await line(page).inputValue());
    }
    expect(seen).toEqual(['plan main', 'status', 'status', 'plan main', 'x']);
  });

  it('helps with an unknown command, and the note goes by Escape', async () => {
    const page = await site.visit();
    await line(page).fill('sttus');
    await page.keyboard.press('Enter');
    const note = page.getByText('did you mean "status"?');
    await note.first().waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('list', { name: 'Answers to you' }).isVisible()).toBe(false);
  });

  it('gives a line back that could not be sent', async () => {
    const page = await site.visit();
    await site.stop();
    await line(page).fill('plan main');
    await page.keyboard.press('Enter');
    await page.getByRole('list', { name: 'Answers to you' }).getByText('did not answer').waitFor();
    expect(await line(page).inputValue()).toBe('plan main');
  });

  it('lists every command in its help', async () => {
    const page = await site.visit();
    await page.getByRole('button', { name: 'Help' }).click();
    const dialog = page.getByRole('dialog', { name: 'Commands' });
    for (const usage of ['plan [ref]', 'reject <run> [reason …]', 'status']) {
      await dialog.getByText(usage, { exact: true }).waitFor();
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });
});
