import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commands } from '../../commands/index.ts';
import { renderCardPage } from '../chat/console/card.ts';
import { discordCard } from '../chat/discord/card.ts';
import { commandsBody } from '../chat/discord/commands.ts';
import { formModal } from '../chat/discord/form.ts';
import { slackCard } from '../chat/slack/card.ts';
import { formView } from '../chat/slack/form.ts';
import { galleryCards, galleryForms } from '../gallery/cards.ts';

const slackChannel = 'C0DEPLOY01';

/** Writes every card in every state to `out`: `<chat>/<card>.json`, and for the console a page and a picture of it. */
export async function gallery(out: string): Promise<void> {
  for (const chat of ['console', 'discord', 'slack']) await mkdir(path.join(out, chat), { recursive: true });
  const write = (chat: string, name: string, kind: string, body: unknown) =>
    writeFile(path.join(out, chat, `${name}.json`), `${JSON.stringify({ kind, body }, null, 2)}\n`);
  const cards = Object.entries(galleryCards());
  for (const [name, card] of cards) {
    await write('console', name, 'card', card);
    await writeFile(path.join(out, 'console', `${name}.html`), renderCardPage(card));
    await write('discord', name, 'message.create', discordCard(card).body);
    const { text, blocks } = slackCard(card);
    await write('slack', name, 'chat.postMessage', {
      channel: slackChannel,
      text,
      blocks,
      unfurl_links: false,
      unfurl_media: false,
    });
  }
  for (const [name, form] of Object.entries(galleryForms())) {
    await write('discord', name, 'interaction.callback', formModal(form));
    await write('slack', name, 'view', formView(form, slackChannel, undefined));
  }
  await write('discord', 'commands', 'commands.guild', commandsBody(commands));
  const pictures = await takePictures(
    path.join(out, 'console'),
    cards.map(([name]) => name),
  );
  console.log(`${cards.length} cards for console, Discord and Slack in ${out}; ${pictures}`);
}

/** Pictures of the console's pages, as a browser draws them, in its light and its dark colours. */
async function takePictures(dir: string, names: readonly string[]): Promise<string> {
  const { chromium } = await import('playwright-core').catch(() => ({ chromium: undefined }));
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium
    ?.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
    .catch(() => undefined);
  if (browser === undefined) return 'no pictures: there is no playwright-core or no Chromium (set CHROMIUM)';
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width: 760, height: 400 }, colorScheme });
      for (const name of names) {
        await page.goto(`file://${path.resolve(dir, `${name}.html`)}`);
        await page.screenshot({ path: path.join(dir, `${name}.${colorScheme}.png`), fullPage: true });
      }
      await page.close();
    }
  } finally {
    await browser.close();
  }
  return 'pictures of the console in light and dark';
}
