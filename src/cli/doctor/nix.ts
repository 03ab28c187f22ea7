import { randomUUID } from 'node:crypto';
import { evaluate } from '../../builder/nix/evaluate.ts';
import { readLock } from '../../builder/nix/inputs.ts';
import { checkBuildSandbox, checkNix, olderThan, probeBuild } from '../../builder/nix/installation.ts';
import { NixBuilder } from '../../builder/nix/nix.ts';
import { checkSandbox } from '../../builder/nix/sandbox.ts';
import { type NixOptions, type NixSettings, nixSettings } from '../../builder/nix/settings.ts';
import type { FleetConfig } from '../../config/config.ts';
import { parseDesired } from '../../core/desired.ts';
import { type Finding, failureOf, findingsOf } from '../../core/finding.ts';
import type { GuestSpec } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';

const area = 'Nix';

/** The findings, and whether flakes can be evaluated, which does not depend on working builds. */
export interface NixExamined {
  readonly findings: readonly Finding[];
  readonly evaluates: boolean;
}

/** Examines Nix of this machine: its version and settings, flakes, and a real build. */
export async function examineNix(options: NixOptions): Promise<NixExamined> {
  try {
    return await examine(options);
  } catch (error) {
    return { findings: [failureOf(area, error)], evaluates: false };
  }
}

/** The guests that a fleet's flake declares; absent when it does not evaluate. */
export interface Flake {
  readonly guests: readonly GuestSpec[] | undefined;
  readonly findings: readonly Finding[];
}

/** Evaluates the list of guests alone, as the first step of a plan does: no image, no build. */
export async function readFlake(fleet: FleetConfig, source: Source, options: NixOptions): Promise<Flake> {
  const { ok } = findingsOf('flake');
  try {
    // Checks the inputs that a plan refuses before its evaluation; nothing is fetched.
    if (source.lock !== undefined) readLock(source.lock);
    const guests = parseDesired(await new NixBuilder(options).evaluateFleet(source));
    const count = guests.length === 1 ? '1 guest' : `${guests.length} guests`;
    return { guests, findings: [ok(`fleet ${fleet.name}: its output "proxnix" has ${count}`)] };
  } catch (error) {
    const finding = failureOf('flake', error);
    return { guests: undefined, findings: [{ ...finding, text: `fleet ${fleet.name}: ${finding.text}` }] };
  }
}

async function examine(options: NixOptions): Promise<NixExamined> {
  const { ok, warn, fail } = findingsOf(area);
  const { version, warnings } = await checkNix(options);
  if (olderThan(version, [2, 8])) {
    const old = fail(`Nix ${version} is too old: 2.8 or newer is needed`, 'https://nixos.org/download');
    return { findings: [old], evaluates: false };
  }
  const known = [ok(`Nix ${version}`), ...warnings.map((text) => warn(text, mend(text)))];
  const settings = nixSettings(options);
  const sandbox = await evaluationSandbox(settings);
  if (sandbox.status === 'fail') return { findings: [...known, sandbox], evaluates: false };
  const [flakes, build] = await Promise.all([knowsFlakes(settings), probeBuild(options)]);
  const findings = [
    ...known,
    sandbox,
    ...settings.evalHosts.map((host) =>
      warn(`evaluations reach ${host}`, 'NIX_EVAL_HOSTS=   (unless a flake needs it)'),
    ),
    flakes
      ? ok('flakes can be used')
      : fail('flakes cannot be used', 'experimental-features = nix-command flakes   (in /etc/nix/nix.conf)'),
    build.ok
      ? ok(`a build works (${build.system})`)
      : fail(`a build does not work: ${build.why}`, buildAdvice(build.why)),
    ...(build.ok ? [await buildSandbox(settings)] : []),
  ];
  return { findings, evaluates: flakes };
}

/** Whether evaluations run in a sandbox without files and network of this machine. */
async function evaluationSandbox(settings: NixSettings): Promise<Finding> {
  const { ok, warn } = findingsOf(area);
  if (!settings.evalSandbox) {
    return warn('evaluations run without a sandbox: a push can read whatever the bot can read', 'NIX_EVAL_SANDBOX=on');
  }
  try {
    await checkSandbox(settings);
    return ok('evaluations run in a sandbox');
  } catch (error) {
    return failureOf(area, error);
  }
}

async function buildSandbox(settings: NixSettings): Promise<Finding> {
  try {
    await checkBuildSandbox(settings, randomUUID());
    return findingsOf(area).ok('builds run in the sandbox of Nix');
  } catch (error) {
    return failureOf(area, error);
  }
}

async function knowsFlakes(settings: NixSettings): Promise<boolean> {
  const question = { expression: 'builtins ? getFlake', what: 'a question' };
  const outcome = await evaluate(settings, undefined, question);
  return outcome.ok && outcome.json === true;
}

function mend(warning: string): string | undefined {
  if (warning.includes('is old')) return 'a newer one is at https://nixos.org/download';
  return undefined;
}

function buildAdvice(why: string): string {
  if (/daemon-socket|Permission denied/i.test(why))
    return 'usermod -aG nix-users "$(id -un)"   (as root, then log in again)';
  if (/build-users-group|nixbld/.test(why))
    return 'run the bot as a normal user, or install the daemon: apt-get install nix-setup-systemd';
  return 'nix build --no-link nixpkgs#hello shows the whole story';
}
