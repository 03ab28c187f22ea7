import { readFileSync, statSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Env } from '../../config/read.ts';
import { type Config, consoleTokenFile, loadConfig } from '../../config.ts';
import { UserError } from '../../core/errors.ts';
import type { Secret } from '../../secret.ts';
import { readSecret } from '../../store/secret-file.ts';
import { examined, type Finding, failureOf, findingsOf } from './finding.ts';

const area = 'configuration';

/** The configuration as `start` reads it, absent when it has mistakes; each of them is a finding. */
export interface Loaded {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
}

export function loadForDoctor(envFile: string, env: Env): Loaded {
  const { ok, warn, fail } = findingsOf(area);
  const file = readEnvFile(envFile);
  try {
    const config = loadConfig({ ...file.variables, ...env }, (path) => readFileSync(path, 'utf8'));
    const names = config.fleets.map(({ name }) => name).join(', ');
    const warnings = config.warnings.map((text) => warn(text, `correct it in ${envFile} or in the environment`));
    return { config, findings: [...file.findings, ok(`is complete; fleets: ${names}`), ...warnings] };
  } catch (error) {
    if (!(error instanceof UserError) || error.details.length === 0) {
      return { config: undefined, findings: [...file.findings, failureOf(area, error)] };
    }
    const mistakes = error.details.map((text) => fail(text, mendVariable(text, envFile)));
    return { config: undefined, findings: [...file.findings, ...mistakes] };
  }
}

/** Webhooks, the console and the metrics, whose rules the configuration has made sure of already. */
export async function entranceFindings(config: Config): Promise<readonly Finding[]> {
  const webConsole = await examined('console', async () => [await consoleFinding(config)]);
  return [webhookFinding(config), ...webConsole, metricsFinding(config)];
}

function readEnvFile(envFile: string): { variables: NodeJS.Dict<string>; findings: readonly Finding[] } {
  const { ok, warn, fail } = findingsOf(area);
  try {
    const variables = parseEnv(readFileSync(envFile, 'utf8'));
    const isOpen = process.platform !== 'win32' && (statSync(envFile).mode & 0o077) !== 0;
    const finding = isOpen
      ? warn(`others on this machine may read the secrets in ${envFile}`, `chmod 600 ${envFile}`)
      : ok(`${envFile} is read, and by nobody else`);
    return { variables, findings: [finding] };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') {
      return {
        variables: {},
        findings: [warn(`there is no ${envFile}: the environment alone counts`, 'proxnix init')],
      };
    }
    return { variables: {}, findings: [fail(`${envFile} cannot be read (${code})`, `ls -l ${envFile}`)] };
  }
}

/** A mistake begins with its variable; where that is one of the environment, the line to write is known. */
function mendVariable(mistake: string, envFile: string): string {
  const name = /^([A-Z][A-Z0-9_]*): /.exec(mistake)?.[1];
  // `init` writes CONSOLE=off for who chose other chats: then it is those that are not filled in yet.
  if (name === 'CONSOLE') return `the DISCORD_... or SLACK_... variables in ${envFile}, or CONSOLE=on`;
  return name === undefined ? 'correct the file that it names' : `${name}=... in ${envFile} (.env.example explains it)`;
}

/** Guessing 16 characters is out of reach for who sees nothing; a signature that was seen may be tried offline. */
const longEnough = 24;

function webhookFinding({ webhook, pollIntervalMs }: Config): Finding {
  const { ok, warn } = findingsOf('webhook');
  if (webhook === undefined) {
    const every = pollIntervalMs === undefined ? 'never' : `every ${pollIntervalMs / 1000} s`;
    return ok(`is off; git is asked for pushes ${every}`);
  }
  if (isHardToGuess(webhook.secret)) return ok('its secret is long enough');
  return warn(
    `its secret is short or repeats itself (${longEnough} characters or more are better)`,
    'WEBHOOK_SECRET=$(openssl rand -hex 32), here and at the forge',
  );
}

async function consoleFinding(config: Config): Promise<Finding> {
  const { ok, warn } = findingsOf('console');
  if (config.console === undefined) return ok('is off');
  const { token } = config.console;
  const where = `is on at ${config.http.host}:${config.http.port}`;
  if (token === undefined) return ownTokenFinding(where, consoleTokenFile(config));
  if (isHardToGuess(token)) return ok(`${where} and asks for its token`);
  return warn(
    `${where}; its token is short or repeats itself (${longEnough} characters or more are better)`,
    'CONSOLE_TOKEN=$(openssl rand -hex 24)',
  );
}

async function ownTokenFinding(where: string, file: string): Promise<Finding> {
  const { ok, warn } = findingsOf('console');
  const found = await readSecret(file);
  switch (found.kind) {
    case 'missing':
      return ok(`${where}; its token is made at the first start, in ${file}`);
    case 'kept':
      return ok(`${where} and asks for the token in ${file}`);
    case 'exposed':
      return warn(`${where}; others on this machine may read its token in ${file}`, anew(file));
    case 'damaged':
      return warn(`${where}; the token in ${file} is damaged`, anew(file));
  }
}

function anew(file: string): string {
  return `rm ${file}, and start the bot again: it makes a new one`;
}

function metricsFinding({ console: webConsole, metricsToken }: Config): Finding {
  const { ok } = findingsOf('metrics');
  if (metricsToken !== undefined) return ok('are at /metrics for those with METRICS_TOKEN');
  if (webConsole !== undefined) return ok("are at /metrics for those with the console's token");
  return ok('are off: they need a METRICS_TOKEN');
}

function isHardToGuess(secret: Secret): boolean {
  const text = secret.reveal();
  return text.length >= longEnough && new Set(text).size >= 8;
}
