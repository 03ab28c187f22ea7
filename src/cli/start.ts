import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { startApp } from '../app.ts';
import { loadConfig } from '../config/config.ts';
import { createLog } from '../log.ts';
import { createGate } from '../secret.ts';
import { untilSignal } from './signals.ts';

/** Starts the configured bot and runs it until a signal. Variables of the environment win over those of the file. */
export async function start(envFile: string): Promise<void> {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  const config = loadConfig({ ...fromFile, ...process.env }, (file) => readFileSync(file, 'utf8'));
  // Until the bot has its own log, which knows the secrets that it made as well.
  let log = createLog({ level: config.log.level, gate: createGate(config.secrets, config.tokenShapes) });
  // A library that fails outside of a call of ours must not end a deploy; the log has the error.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was rejected and nobody held it'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error was thrown where nobody could catch it');
    process.exit(1);
  });
  const app = await startApp(config);
  log = app.log;
  const where = app.console === undefined ? `webhooks at ${app.url}` : `the console at ${app.console.url}`;
  // Listened for before anybody reads that the bot is running: a signal in between would end it without an orderly stop.
  const stopping = untilSignal();
  console.log(`proxnix is running; ${where}`);
  await stopping;
  await app.stop();
}
