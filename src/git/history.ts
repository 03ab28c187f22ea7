import type { Authorship, Signature } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import { shaPattern } from './names.ts';
import { type GitRun, runGit } from './run.ts';

/** How many commits are looked at for their authors. */
export const mostCommits = 1000;
const longestText = 200;

/** Is a commit an ancestor of a ref, or the same commit? @throws UserError when the mirror cannot tell */
export async function isAncestor(run: GitRun, sha: string, ref: string): Promise<boolean> {
  if (!shaPattern.test(sha)) throw notThere(sha);
  // git-merge-base(1): 0 is yes, 1 is no, everything else is an error.
  const { exitCode } = await runGit(run, ['merge-base', '--is-ancestor', '--end-of-options', sha, ref]);
  if (exitCode !== 0 && exitCode !== 1) throw notThere(sha);
  return exitCode === 0;
}

/** Who wrote and committed `base..head`, or `head` alone. @throws UserError when the mirror does not have both */
export async function readAuthors(run: GitRun, head: string, base: string | undefined): Promise<Authorship> {
  for (const sha of [head, base ?? head]) if (!shaPattern.test(sha)) throw notThere(sha);
  const range = base === undefined ? [head] : [head, `^${base}`];
  const { exitCode, stdout } = await runGit(run, [
    ...['log', '--no-show-signature', '--encoding=UTF-8', `--max-count=${mostCommits + 1}`],
    ...(base === undefined ? ['--no-walk'] : []),
    // The names as the commit has them: a `.mailmap` is a file of the repository, and would rename people.
    ...['--format=%H%x00%an%x00%ae%x00%cn%x00%ce', '--end-of-options', ...range, '--'],
  ]);
  if (exitCode !== 0) throw notThere(base ?? head);
  const commits = stdout.split('\n').filter((line) => line !== '');
  const signatures = commits.slice(0, mostCommits).flatMap(readSignatures);
  // What git says at such length is cut: then there are authors who were not read.
  const complete = commits.length <= mostCommits && !stdout.endsWith('…');
  return { signatures: distinct(signatures), complete };
}

/** Each name and address once, with the first commit that has them. */
export function distinct(signatures: readonly Signature[]): readonly Signature[] {
  const byText = new Map<string, Signature>();
  for (const one of signatures) {
    const key = `${one.name}\0${one.email}`;
    if (!byText.has(key)) byText.set(key, one);
  }
  return [...byText.values()];
}

function readSignatures(line: string): readonly Signature[] {
  const [sha = '', author = '', authorEmail = '', committer = '', committerEmail = ''] = line.split('\0');
  return [
    { sha, name: author.slice(0, longestText), email: authorEmail.slice(0, longestText) },
    { sha, name: committer.slice(0, longestText), email: committerEmail.slice(0, longestText) },
  ];
}

function notThere(sha: string): UserError {
  return new UserError(`The mirror of the repository cannot tell where the commit ${sha.slice(0, 12)} belongs.`, {
    next: 'It may be gone from the repository: plan again.',
  });
}
