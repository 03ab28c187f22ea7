import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { startApp } from '../app.ts';
import { loadConfig } from '../config/config.ts';
import { createLog } from '../log.ts';
import { createGate } from '../secret.ts';
import { untilSignal } from './signals.ts';

/** Starts the configured bot and runs it until a signal. Variables of the environment override those of the file. */
export async function start(envFile: string): Promise<void> {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  const config = loadConfig({ ...fromFile, ...process.env }, (file) => readFileSync(file, 'utf8'));
  // For errors before the bot has its own log, which also masks generated secrets.
  let log = createLog({ level: config.log.level, gate: createGate(config.secrets, config.tokenShapes) });
  // An error that a library throws outside of any call is logged, and does not end a deploy.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a rejected promise was not handled'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an uncaught error ends the program');
    process.exit(1);
  });
  const app = await startApp(config);
  log = app.log;
  const where = app.console === undefined ? `webhooks at ${app.url}` : `the console at ${app.console.url}`;
  // Listens before the bot reports that it is running, so that no earlier signal ends it without an orderly stop.
  const stopping = untilSignal();
  console.log(`proxnix is running; ${where}`);
  await stopping;
  await app.stop();
}
