import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nixOptions } from '../app.ts';
import type { NixOptions } from '../builder/nix/settings.ts';
import type { Config, FleetConfig } from '../config.ts';
import { createGate } from '../secret.ts';
import { clockFindings } from './doctor/clock.ts';
import { entranceFindings, loadForDoctor } from './doctor/configuration.ts';
import { discordCheck, examineDiscord } from './doctor/discord.ts';
import { examined, type Finding, findingsOf } from './doctor/finding.ts';
import { examineFleet, guestsOn } from './doctor/fleet.ts';
import { nodeFinding, stateFindings } from './doctor/machine.ts';
import { examineNix } from './doctor/nix.ts';
import { type Examined, examineCluster } from './doctor/proxmox.ts';
import { harmless, isWell, reportJson, reportText } from './doctor/report.ts';
import { gitFinding } from './doctor/repository.ts';
import { examineSlack, slackCheck } from './doctor/slack.ts';

export interface DoctorOptions {
  /** Variables are read from here; those of the environment win, as at a start. */
  readonly envFile: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Base addresses of the chats' APIs, for tests. */
  readonly discordApi?: string;
  readonly slackApi?: string;
  readonly nix?: Partial<NixOptions>;
  /** As `process.versions.node` has it. */
  readonly nodeVersion?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How long one answer of a service may take. */
  readonly timeoutMs?: number;
}

/** Checks everything, prints it, and sets the exit code: 1 when something failed, warnings aside. */
export async function doctor(options: DoctorOptions & { readonly json?: boolean }): Promise<void> {
  const findings = await examineAll(options);
  console.log(options.json === true ? reportJson(findings) : reportText(findings));
  if (!isWell(findings)) process.exitCode = 1;
}

/** Every finding, in the order of a set-up and without secrets. Changes nothing that lasts; never throws for what it finds. */
export async function examineAll(options: DoctorOptions): Promise<readonly Finding[]> {
  const { env = process.env, nodeVersion = process.versions.node } = options;
  const { config, findings } = loadForDoctor(options.envFile, env);
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-doctor-'));
  try {
    const first = [...findings, nodeFinding(nodeVersion)];
    const rest = config === undefined ? await withoutConfig(dir, options) : await withConfig(config, dir, options);
    return harmless([...first, ...rest], createGate(config?.secrets ?? []));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function withoutConfig(dir: string, { nix }: DoctorOptions): Promise<readonly Finding[]> {
  const [git, nixFound] = await Promise.all([
    examined('git', async () => [await gitFinding()]),
    examineNix({ dir, ...nix }),
  ]);
  const skipped = findingsOf('services').skip(
    'Proxmox, the repository and the chats: first complete the configuration',
  );
  return [...git, ...nixFound.findings, skipped];
}

/** Every service at the same time; only the target storages wait until the flakes are known. */
async function withConfig(config: Config, dir: string, options: DoctorOptions): Promise<readonly Finding[]> {
  const { now = Date.now, timeoutMs = 10_000, nix } = options;
  const { discordApi = 'https://discord.com/api', slackApi = 'https://slack.com/api/' } = options;
  // As the bot calls Nix, with a home of its own.
  const optionsOf = (fleet: FleetConfig, home: string) => ({
    ...nixOptions(fleet, config),
    ...nix,
    dir: path.join(dir, home),
  });
  const [first] = config.fleets;
  const nixDone = examineNix(first === undefined ? { dir, ...nix } : optionsOf(first, 'nix'));
  const flakes = config.fleets.map((fleet) =>
    examineFleet(fleet, { dir, nix: optionsOf(fleet, `flake-${fleet.name}`), nixDone }),
  );
  const clusters = config.clusters.map((cluster) => {
    const area = config.clusters.length === 1 ? 'Proxmox' : `Proxmox ${cluster.name}`;
    return examineCluster(cluster, { area, guests: guestsOn(cluster.name, flakes), timeoutMs, now });
  });
  const discord = discordCheck(config, { api: discordApi, timeoutMs, now });
  const slack = slackCheck(config, { api: slackApi, timeoutMs, now });
  const chats: Promise<Examined>[] = [discord && examineDiscord(discord), slack && examineSlack(slack)].filter(
    (chat) => chat !== undefined,
  );
  const [state, git, nixFound, fleets, services, entrances] = await Promise.all([
    examined('this machine', () => stateFindings(path.resolve(config.stateDir))),
    examined('git', async () => [await gitFinding()]),
    nixDone,
    Promise.all(flakes),
    Promise.all([...clusters, ...chats]),
    entranceFindings(config),
  ]);
  return [
    ...state,
    ...clockFindings(services.flatMap(({ clock }) => clock)),
    ...git,
    ...fleets.flatMap(({ git: found }) => found),
    ...nixFound.findings,
    ...fleets.flatMap(({ findings }) => findings),
    ...services.flatMap(({ findings }) => findings),
    ...entrances,
  ];
}
