import type { NixOptions } from '../../builder/nix/settings.ts';
import type { FleetConfig } from '../../config/config.ts';
import { type Finding, findingsOf } from '../../core/finding.ts';
import { type Flake, type NixExamined, readFlake } from './nix.ts';
import type { Guests } from './proxmox.ts';
import { readRepository } from './repository.ts';

/** A fleet's repository and flake. */
export interface ExaminedFleet extends Flake {
  readonly fleet: FleetConfig;
  readonly git: readonly Finding[];
}

export interface FleetOptions {
  /** A folder for mirrors. */
  readonly dir: string;
  readonly nix: NixOptions;
  readonly nixDone: Promise<NixExamined>;
}

const fetchMs = 60_000;

/** Git first, then Nix, then the flake; without the first two the flake stays unread, with a line that says so. */
export async function examineFleet(fleet: FleetConfig, { dir, nix, nixDone }: FleetOptions): Promise<ExaminedFleet> {
  const unread = (why: string) => ({
    guests: undefined,
    findings: [findingsOf('flake').skip(`fleet ${fleet.name}: ${why}`)],
  });
  const { source, findings: git } = await readRepository(fleet, dir, fetchMs);
  if (source === undefined) return { fleet, git, ...unread('its repository cannot be read') };
  if (!(await nixDone).evaluates) return { fleet, git, ...unread('Nix cannot evaluate it') };
  return { fleet, git, ...(await readFlake(fleet, source, nix)) };
}

/** What all fleets on one cluster want together. */
export async function guestsOn(cluster: string, fleets: readonly Promise<ExaminedFleet>[]): Promise<Guests> {
  const here = (await Promise.all(fleets)).filter(({ fleet }) => fleet.cluster === cluster);
  return {
    guests: here.flatMap(({ guests }) => guests ?? []),
    missing: here.filter(({ guests }) => guests === undefined).map(({ fleet }) => fleet.name),
  };
}
