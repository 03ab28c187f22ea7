import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { consoleTokenFile } from '../chat/console/kind.ts';
import { UserError } from '../core/errors.ts';
import { readSecret } from '../store/files.ts';
import type { SampleRepository } from './repository.ts';

/** The facts about a running demo that its actions need. */
export const Session = z.object({
  /** Of the bot: webhook and console. */
  url: z.url(),
  /** Signs the webhook. */
  secret: z.string(),
  simulatorUrl: z.url(),
});
/** A session that was checked. */
export type Session = z.infer<typeof Session>;

function fileOf(dir: string): string {
  return path.join(dir, 'session.json');
}

const hook = fileURLToPath(new URL('hook.mjs', import.meta.url));

/** Remembers a running demo, and lets its repository report every push. */
export async function writeSession(dir: string, origin: string, session: Session): Promise<void> {
  await writeFile(fileOf(dir), JSON.stringify(session), { mode: 0o600 });
  const quoted = [process.execPath, hook, fileOf(dir)].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  await mkdir(path.join(origin, 'hooks'), { recursive: true });
  await writeFile(path.join(origin, 'hooks', 'post-receive'), `#!/bin/sh\nexec ${quoted}\n`, { mode: 0o755 });
}

/** Reports the head of the branch as if it had just been pushed: the first commit was made before the bot listened. */
export async function reportHead(dir: string, { origin, branch }: SampleRepository): Promise<void> {
  const { stdout: head } = await execa('git', ['-C', origin, 'rev-parse', `refs/heads/${branch}`]);
  await execa(process.execPath, [hook, fileOf(dir)], { input: `${'0'.repeat(40)} ${head} refs/heads/${branch}\n` });
}

/** The bot's state folder inside the folder of a demo. */
export function stateDirOf(dir: string): string {
  return path.join(dir, 'state');
}

/** The console token, from the file of the demo's bot. */
export async function readToken(dir: string): Promise<string> {
  const file = consoleTokenFile(stateDirOf(dir));
  const found = await readSecret(file);
  if (found.kind === 'kept') return found.secret.reveal();
  throw new UserError(`The token of the console cannot be read from ${file}: it is ${found.kind}.`, {
    next: 'Start the demo again with `npm run demo`.',
  });
}

/** The demo that runs in a folder. */
export async function readSession(dir: string): Promise<Session> {
  const text = await readFile(fileOf(dir), 'utf8').catch(() => undefined);
  if (text === undefined) {
    throw new UserError('No demo has been started here.', {
      next: 'Start one with `npm run demo`, in another terminal.',
    });
  }
  return Session.parse(JSON.parse(text));
}
