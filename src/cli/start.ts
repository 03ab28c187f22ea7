import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { startApp } from '../app.ts';
import { loadConfig } from '../config.ts';
import { untilSignal } from './signals.ts';

/** Starts the configured bot and runs it until a signal. Variables of the environment win over those of the file. */
export async function start(envFile: string): Promise<void> {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  const config = loadConfig({ ...fromFile, ...process.env }, (file) => readFileSync(file, 'utf8'));
  const app = await startApp(config);
  console.log(`proxnix is running; ${config.console === undefined ? 'webhooks' : 'the console'} at ${app.url}`);
  await untilSignal();
  await app.stop();
}
