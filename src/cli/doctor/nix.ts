import { checkNix, olderThan } from '../../builder/nix/check.ts';
import { evaluate } from '../../builder/nix/evaluate.ts';
import { NixBuilder } from '../../builder/nix/nix.ts';
import { probeBuild } from '../../builder/nix/probe.ts';
import { type NixOptions, nixSettings } from '../../builder/nix/settings.ts';
import type { FleetConfig } from '../../config.ts';
import { parseDesired } from '../../core/desired.ts';
import type { GuestSpec } from '../../core/guest.ts';
import type { Source } from '../../git/git.ts';
import { type Finding, failureOf, findingsOf } from './finding.ts';

const area = 'Nix';

/** What was found, and whether a flake can be evaluated; a build that does not work is no reason against that. */
export interface NixExamined {
  readonly findings: readonly Finding[];
  readonly evaluates: boolean;
}

/** Nix of this machine: its version and settings, that it knows flakes, and that it really builds. */
export async function examineNix(options: NixOptions): Promise<NixExamined> {
  try {
    return await examine(options);
  } catch (error) {
    return { findings: [failureOf(area, error)], evaluates: false };
  }
}

/** What the flake of a fleet wants; absent when it does not evaluate. */
export interface Flake {
  readonly guests: readonly GuestSpec[] | undefined;
  readonly findings: readonly Finding[];
}

/** Evaluates the list of guests alone, as the first step of a plan does: no image, no build. */
export async function readFlake(fleet: FleetConfig, source: Source, options: NixOptions): Promise<Flake> {
  const { ok } = findingsOf('flake');
  try {
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
  const [flakes, build] = await Promise.all([knowsFlakes(options), probeBuild(options)]);
  const findings = [
    ok(`Nix ${version}`),
    ...warnings.map((text) => warn(text, mend(text))),
    flakes
      ? ok('flakes can be used')
      : fail('flakes cannot be used', 'experimental-features = nix-command flakes   (in /etc/nix/nix.conf)'),
    build.ok
      ? ok(`a build works (${build.system})`)
      : fail(`a build does not work: ${build.why}`, buildAdvice(build.why)),
  ];
  return { findings, evaluates: flakes };
}

async function knowsFlakes(options: NixOptions): Promise<boolean> {
  const question = { expression: 'builtins ? getFlake', what: 'a question' };
  const outcome = await evaluate(nixSettings(options), undefined, question);
  return outcome.ok && outcome.json === true;
}

function mend(warning: string): string | undefined {
  if (warning.includes('sandbox')) return 'sandbox = true   (in /etc/nix/nix.conf)';
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
