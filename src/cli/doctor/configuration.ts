import { readFileSync, statSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { ChatKind } from '../../chat/kind.ts';
import { chats as everyChat } from '../../chats.ts';
import { type Config, loadConfig } from '../../config/config.ts';
import type { Env } from '../../config/read.ts';
import { UserError } from '../../core/errors.ts';
import { type Finding, failureOf, findingsOf } from '../../core/finding.ts';

const area = 'configuration';

/** The configuration as `start` reads it; absent when it has mistakes, each of which is a finding. */
export interface Loaded {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
}

/** Reads the configuration from a file and from the environment, which overrides it. */
export function loadForDoctor(envFile: string, env: Env, chats: readonly ChatKind[] = everyChat): Loaded {
  const { ok, warn, fail } = findingsOf(area);
  const file = readEnvFile(envFile);
  try {
    const config = loadConfig({ ...file.variables, ...env }, (path) => readFileSync(path, 'utf8'), { chats });
    const names = config.fleets.map(({ name }) => name).join(', ');
    const warnings = config.warnings.map((text) => warn(text, `correct it in ${envFile} or in the environment`));
    return { config, findings: [...file.findings, ok(`is complete; fleets: ${names}`), ...warnings] };
  } catch (error) {
    if (!(error instanceof UserError) || error.details.length === 0) {
      return { config: undefined, findings: [...file.findings, failureOf(area, error)] };
    }
    const mistakes = error.details.map((text) => fail(text, mendVariable(text, envFile, chats)));
    return { config: undefined, findings: [...file.findings, ...mistakes] };
  }
}

/** Findings about webhooks and metrics, which the configuration has already validated. */
export function exposureFindings(config: Config): readonly Finding[] {
  return [webhookFinding(config), metricsFinding(config)];
}

function readEnvFile(envFile: string): { variables: NodeJS.Dict<string>; findings: readonly Finding[] } {
  const { ok, warn, fail } = findingsOf(area);
  try {
    const variables = parseEnv(readFileSync(envFile, 'utf8'));
    const isOpen = process.platform !== 'win32' && (statSync(envFile).mode & 0o077) !== 0;
    const finding = isOpen
      ? warn(`other users of this machine can read the secrets in ${envFile}`, `chmod 600 ${envFile}`)
      : ok(`${envFile} is readable by its owner alone`);
    return { variables, findings: [finding] };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') {
      return {
        variables: {},
        findings: [warn(`${envFile} does not exist: only the environment is used`, 'proxnix init')],
      };
    }
    return { variables: {}, findings: [fail(`${envFile} cannot be read (${code})`, `ls -l ${envFile}`)] };
  }
}

/** The line that fixes a mistake, which begins with the name of its variable. */
function mendVariable(mistake: string, envFile: string, chats: readonly ChatKind[]): string {
  const name = /^([A-Z][A-Z0-9_]*): /.exec(mistake)?.[1];
  if (name === undefined) return 'correct the file that it names';
  const off = chats.find(({ init }) => init.offEnv?.some((line) => line.startsWith(`${name}=`)));
  if (off === undefined) return `${name}=... in ${envFile} (.env.example explains it)`;
  // `init` turns this chat off when others were chosen. A mistake here then means that their variables are still empty.
  const others = chats.filter((chat) => chat !== off).map(({ name: other }) => `${other.toUpperCase()}_...`);
  return `the ${others.join(' or ')} variables in ${envFile}, or ${name}=on`;
}

/** Secrets of 16 characters cannot be guessed online. With a seen signature they can be tried offline, so longer is safer. */
const longEnough = 24;

function webhookFinding({ webhook, pollIntervalMs }: Config): Finding {
  const { ok, warn } = findingsOf('webhook');
  if (webhook === undefined) {
    const every = pollIntervalMs === undefined ? 'never' : `every ${pollIntervalMs / 1000} s`;
    return ok(`is off; git is asked for pushes ${every}`);
  }
  if (webhook.secret.isHardToGuess(longEnough)) return ok('its secret is long enough');
  return warn(
    `its secret is short or repeats itself (${longEnough} characters or more are better)`,
    'WEBHOOK_SECRET=$(openssl rand -hex 32), here and at the forge',
  );
}

function metricsFinding({ chats, metricsToken }: Config): Finding {
  const { ok } = findingsOf('metrics');
  if (metricsToken !== undefined) return ok('are at /metrics for those with METRICS_TOKEN');
  const door = chats.find(({ hasDoor }) => hasDoor === true);
  if (door !== undefined) return ok(`are at /metrics for those with the ${door.name}'s token`);
  return ok('are off: they need a METRICS_TOKEN');
}
