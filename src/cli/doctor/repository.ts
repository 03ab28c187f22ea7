import path from 'node:path';
import { execa } from 'execa';
import type { FleetConfig } from '../../config/config.ts';
import { shortSha } from '../../core/commit.ts';
import { type Finding, failureOf, findingsOf } from '../../core/finding.ts';
import { GitMirror } from '../../git/cli.ts';
import type { Source } from '../../git/git.ts';

const area = 'git';

/** What was found, and the newest commit of the branch for an evaluation; absent when it cannot be read. */
export interface Repository {
  readonly findings: readonly Finding[];
  readonly source: Source | undefined;
}

/** GIT_CONFIG_COUNT, by which the token reaches git, came with 2.31. */
const oldest = [2, 31] as const;

export async function gitFinding(): Promise<Finding> {
  const { ok, fail } = findingsOf(area);
  const { exitCode, stdout } = await execa('git', ['--version'], { reject: false, stdin: 'ignore', timeout: 10_000 });
  const version = /\d+\.\d+(?:\.\d+)*/.exec(String(stdout))?.[0];
  if (exitCode !== 0 || version === undefined) return fail('git is not installed', 'apt-get install git');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return ok(`git ${version}`);
  return fail(`git ${version} is too old: ${oldest.join('.')} or newer is needed`, 'apt-get install git');
}

/** Fetches as the bot does, into a mirror of its own below `dir`: the bot may be at work in its own. */
export async function readRepository(fleet: FleetConfig, dir: string, timeoutMs: number): Promise<Repository> {
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
    return { source, findings: [findingsOf(area).ok(text)] };
  } catch (error) {
    const finding = failureOf(area, error);
    const fix = finding.text.includes('has no branch')
      ? { fix: `git push origin ${branch}, or GIT_BRANCH=<the branch that is there>` }
      : {};
    return { source: undefined, findings: [{ ...finding, text: `fleet ${fleet.name}: ${finding.text}`, ...fix }] };
  }
}
