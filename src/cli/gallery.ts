import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commands } from '../../commands/index.ts';
import type { ChatKind } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import { galleryCards, galleryForms } from '../gallery/cards.ts';

/** Writes every card and form in the drawing of each chat (`<out>/<chat>/<card>.json`), and pictures of pages. */
export async function gallery(out: string, chats: readonly ChatKind[] = everyChat): Promise<void> {
  const [cards, forms] = [galleryCards(), galleryForms()];
  const pages: string[] = [];
  for (const chat of chats) {
    const dir = path.join(out, chat.name);
    await mkdir(dir, { recursive: true });
    for (const { name, text } of await chat.draw({ cards, forms, commands })) {
      await writeFile(path.join(dir, name), text);
      if (name.endsWith('.html')) pages.push(path.join(dir, name));
    }
  }
  const pictures = await takePictures(pages);
  const names = chats.map(({ title }) => title);
  console.log(`${Object.keys(cards).length} cards for ${names.join(', ')} in ${out}; ${pictures}`);
}

/** Writes browser screenshots beside the pages, in light and dark colours. */
async function takePictures(pages: readonly string[]): Promise<string> {
  const { chromium } = await import('playwright-core').catch(() => ({ chromium: undefined }));
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium
    ?.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
    .catch(() => undefined);
  if (browser === undefined) return 'no pictures: there is no playwright-core or no Chromium (set CHROMIUM)';
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width: 760, height: 400 }, colorScheme });
      for (const file of pages) {
        await page.goto(`file://${path.resolve(file)}`);
        await page.screenshot({ path: file.replace(/html$/, `${colorScheme}.png`), fullPage: true });
      }
      await page.close();
    }
  } finally {
    await browser.close();
  }
  return 'pictures of the pages in light and dark';
}
