import path from 'node:path';
import { execa } from 'execa';
import fetch from 'node-fetch';
import type { NixOptions } from '../../builder/nix/settings.ts';
import type { FleetConfig } from '../../config/config.ts';
import { repositoryOf } from '../../config/setting.ts';
import { shortSha } from '../../core/commit.ts';
import { type Finding, failureOf, findingsOf } from '../../core/finding.ts';
import type { Source } from '../../git/git.ts';
import { GitMirror } from '../../git/mirror.ts';
import { readRemote } from '../../git/run.ts';
import { type Flake, type NixExamined, readFlake } from './nix.ts';
import type { Guests } from './proxmox.ts';

const gitArea = 'git';

/** A fleet's repository and flake. */
export interface ExaminedFleet extends Flake {
  readonly fleet: FleetConfig;
  readonly git: readonly Finding[];
}

/** How a fleet is examined. */
export interface FleetOptions {
  /** A folder for mirrors. */
  readonly dir: string;
  readonly nix: NixOptions;
  readonly nixDone: Promise<NixExamined>;
}

const fetchMs = 60_000;

/** Examines git, then Nix, then the flake. Without git or Nix the flake is not read, and a finding says so. */
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

/** The guests of all fleets on one cluster. */
export async function guestsOn(cluster: string, fleets: readonly Promise<ExaminedFleet>[]): Promise<Guests> {
  const here = (await Promise.all(fleets)).filter(({ fleet }) => fleet.cluster === cluster);
  return {
    guests: here.flatMap(({ guests }) => guests ?? []),
    missing: here.filter(({ guests }) => guests === undefined).map(({ fleet }) => fleet.name),
  };
}

/** The findings, and the newest commit of the branch; absent when it cannot be read. */
interface Repository {
  readonly findings: readonly Finding[];
  readonly source: Source | undefined;
}

/** git 2.31 introduced GIT_CONFIG_COUNT, which passes the token to git. */
const oldest = [2, 31] as const;

/** The version of git. */
export async function gitFinding(): Promise<Finding> {
  const { ok, fail } = findingsOf(gitArea);
  const { exitCode, stdout } = await execa('git', ['--version'], { reject: false, stdin: 'ignore', timeout: 10_000 });
  const version = /\d+\.\d+(?:\.\d+)*/.exec(String(stdout))?.[0];
  if (exitCode !== 0 || version === undefined) return fail('git is not installed', 'apt-get install git');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return ok(`git ${version}`);
  return fail(`git ${version} is too old: ${oldest.join('.')} or newer is needed`, 'apt-get install git');
}

/**
 * Fetches like the bot, into a separate mirror below `dir`, because the bot may be using its own. A repository that has
 * moved is a finding of its own: its forge still serves the old address, but its webhooks carry the new name.
 */
export async function readRepository(fleet: FleetConfig, dir: string, timeoutMs: number): Promise<Repository> {
  const [{ source, findings }, moved] = await Promise.all([
    fetchRepository(fleet, dir, timeoutMs),
    movedTo(fleet, timeoutMs),
  ]);
  if (moved === undefined) return { source, findings };
  const [name, expected] = [repositoryOf(moved), fleet.git.repository];
  const webhooks =
    name === undefined || expected === undefined ? '' : `; its webhooks are for ${name}, expected is ${expected}`;
  const text = `fleet ${fleet.name}: the repository has moved to ${moved}${webhooks}`;
  return { source, findings: [...findings, findingsOf(gitArea).warn(text, `GIT_URL=${moved}`)] };
}

/** The address that a git server over HTTP redirects to; `undefined` where it does not, or does not answer. */
async function movedTo({ git: { url, token } }: FleetConfig, timeoutMs: number): Promise<string | undefined> {
  if (!/^https?:/.test(url)) return undefined;
  const [header = ''] = Object.values(readRemote(url, token?.reveal()).config);
  const authorization = /^Authorization: (.*)$/.exec(header)?.[1];
  const service = '/info/refs?service=git-upload-pack';
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}${service}`, {
      headers: authorization === undefined ? {} : { authorization },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    response.body?.resume();
    const target = response.headers.get('location');
    return target?.endsWith(service) === true ? target.slice(0, -service.length) : undefined;
  } catch {
    // That the server cannot be reached is told by the fetch beside this one.
    return undefined;
  }
}

async function fetchRepository(fleet: FleetConfig, dir: string, timeoutMs: number): Promise<Repository> {
  const { url, branch, token, sshCommand } = fleet.git;
  try {
    const mirror = new GitMirror({
      ...{ dir: path.join(dir, `${fleet.name}.git`), url, branch, timeoutMs },
      ...(fleet.flake.dir === undefined ? {} : { flakeDir: fleet.flake.dir }),
      ...(token === undefined ? {} : { token: token.reveal() }),
      ...(sshCommand === undefined ? {} : { sshCommand }),
    });
    const head = await mirror.head();
    const source = await mirror.pin(head.sha, 'doctor');
    const text = `fleet ${fleet.name}: the repository is reachable, ${branch} is at ${shortSha(head.sha)}`;
    return { source, findings: [findingsOf(gitArea).ok(text)] };
  } catch (error) {
    const finding = failureOf(gitArea, error);
    const fix = finding.text.includes('has no branch')
      ? { fix: `git push origin ${branch}, or GIT_BRANCH=<the branch that is there>` }
      : {};
    return { source: undefined, findings: [{ ...finding, text: `fleet ${fleet.name}: ${finding.text}`, ...fix }] };
  }
}
