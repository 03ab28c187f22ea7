import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { channelsOf, nixOptions } from '../app.ts';
import type { NixOptions } from '../builder/nix/settings.ts';
import type { ChatKind } from '../chat/kind.ts';
import { chats as everyChat } from '../chats.ts';
import { type Config, type FleetConfig, tokenShapesOf } from '../config/config.ts';
import { namedIn } from '../config/people.ts';
import { type Examined, examined, type Finding, findingsOf } from '../core/finding.ts';
import { createGate } from '../secret.ts';
import { readSecret } from '../store/files.ts';
import { version } from '../version.ts';
import { exposureFindings, loadForDoctor } from './doctor/configuration.ts';
import { examineFleet, gitFinding, guestsOn } from './doctor/fleet.ts';
import { forgeFindings } from './doctor/forge.ts';
import { clockFindings, nodeFinding, stateFindings } from './doctor/machine.ts';
import { examineNix } from './doctor/nix.ts';
import { examineCluster } from './doctor/proxmox.ts';
import { harmless, isWell, reportJson, reportText } from './doctor/report.ts';

/** Options of `proxnix doctor`, and the parts that tests replace. */
export interface DoctorOptions {
  /** The file of variables; variables of the environment override it, as in `start`. */
  readonly envFile: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: every chat of the program. */
  readonly chats?: readonly ChatKind[];
  readonly nix?: Partial<NixOptions>;
  /** In the form of `process.versions.node`. */
  readonly nodeVersion?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Milliseconds that one answer of a service may take. */
  readonly timeoutMs?: number;
}

/** Checks everything, prints it, and sets the exit code: 1 when something failed, warnings aside. */
export async function doctor(options: DoctorOptions & { readonly json?: boolean }): Promise<void> {
  const findings = await examineAll(options);
  console.log(options.json === true ? reportJson(findings) : reportText(findings));
  if (!isWell(findings)) process.exitCode = 1;
}

/** Every finding, in the order of a set-up and without secrets. Makes no lasting change; a problem is a finding, never an error. */
export async function examineAll(options: DoctorOptions): Promise<readonly Finding[]> {
  const { env = process.env, nodeVersion = process.versions.node, chats = everyChat } = options;
  const { config, findings } = loadForDoctor(options.envFile, env, chats);
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-doctor-'));
  try {
    const first = [...findings, nodeFinding(nodeVersion)];
    const rest = config === undefined ? await withoutConfig(dir, options) : await withConfig(config, dir, options);
    return harmless([...first, ...rest], createGate(config?.secrets ?? [], tokenShapesOf(chats)));
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

/** Examines every service at the same time; only the target storages wait for the evaluated flakes. */
async function withConfig(config: Config, dir: string, options: DoctorOptions): Promise<readonly Finding[]> {
  const { now = Date.now, timeoutMs = 10_000, nix } = options;
  // Like the bot, the doctor calls Nix with a separate home.
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
  const chats = (options.chats ?? everyChat).map((chat) => examineChat(chat, config, { timeoutMs, now }));
  const [state, git, nixFound, fleets, forges, services] = await Promise.all([
    examined('this machine', () => stateFindings(path.resolve(config.stateDir))),
    examined('git', async () => [await gitFinding()]),
    nixDone,
    Promise.all(flakes),
    Promise.all(config.fleets.map((fleet) => forgeFindings(fleet, timeoutMs))),
    Promise.all([...clusters, ...chats]),
  ]);
  return [
    ...state,
    ...clockFindings(services.flatMap(({ clock }) => clock)),
    ...git,
    ...fleets.flatMap(({ git: found }) => found),
    ...forges.flat(),
    ...nixFound.findings,
    ...fleets.flatMap(({ findings }) => findings),
    ...services.flatMap(({ findings }) => findings),
    ...exposureFindings(config),
  ];
}

/** A chat that is off has one finding that says so. */
async function examineChat(
  { name, title }: ChatKind,
  config: Config,
  options: { readonly timeoutMs: number; readonly now: () => number },
): Promise<Examined> {
  const setup = config.chats.find((chat) => chat.name === name);
  if (setup === undefined) return { findings: [findingsOf(title).ok('is off')], clock: [] };
  return setup.examine({
    ...options,
    version,
    stateDir: config.stateDir,
    http: config.http,
    ids: namedIn(name, config.fleets),
    channels: channelsOf(config, name),
    readSecret,
  });
}
