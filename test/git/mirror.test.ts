import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { GitMirror } from '../../src/git/mirror.ts';
import { gitContract } from '../contracts/git.ts';
import { startGitHttp } from '../support/git-http.ts';
import { aFolder, anOrigin, type Origin } from './origin.ts';

const token = 'canary-token-1234567890';

gitContract('GitMirror over file://', async () => {
  const origin = await anOrigin();
  return { ...origin, git: aMirror(origin, pathToFileURL(origin.dir).href) };
});

gitContract('GitMirror over http with a token', async () => {
  const origin = await anOrigin();
  const server = await served(origin, { auth: { user: 'x-access-token', password: token } });
  return { ...origin, git: aMirror(origin, `${server.url}/origin.git`, { token }) };
});

describe('GitMirror', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('looks at no more than a thousand commits for their authors, and says so', async () => {
    const origin = await anOrigin();
    const first = await origin.push('first');
    const lines = Array.from({ length: 1001 }, (_, n) => {
      const from = n === 0 ? `from ${first}\n` : '';
      return `commit refs/heads/main\ncommitter Ada <ada@example.org> ${n} +0000\ndata 0\n${from}`;
    });
    await execa('git', ['fast-import', '--quiet'], { cwd: origin.dir, input: lines.join('') });
    const mirror = aMirror(origin, origin.dir);
    const { sha } = await mirror.head();
    expect(await mirror.authors(sha, first)).toEqual({
      complete: false,
      signatures: [{ sha, name: 'Ada', email: 'ada@example.org' }],
    });
    const parent = await origin.git('rev-parse', `${sha}~1`);
    expect((await mirror.authors(parent, first)).complete).toBe(true);
  });

  it('takes the names that a commit has, not those that the repository would like to see', async () => {
    const origin = await anOrigin();
    const text = 'Innocent <innocent@example.org> <eve@example.org>\n';
    // A bare repository reads the `.mailmap` of its HEAD, which is `master` or `main`, whatever branch is configured.
    const commits = ['main', 'master'].map(
      (branch) =>
        `commit refs/heads/${branch}\ncommitter Eve <eve@example.org> 1 +0000\ndata 0\nM 100644 :1 .mailmap\n`,
    );
    const input = [`blob\nmark :1\ndata ${text.length}\n${text}\n`, ...commits].join('');
    await execa('git', ['fast-import', '--quiet'], { cwd: origin.dir, input });
    const mirror = aMirror(origin, origin.dir);
    const { sha } = await mirror.head();
    expect((await mirror.authors(sha)).signatures).toEqual([{ sha, name: 'Eve', email: 'eve@example.org' }]);
  });

  it('answers where a commit belongs while a fetch is under way', async () => {
    const origin = await anOrigin();
    const sha = await origin.push('first');
    let held: Promise<void> | undefined;
    const server = await served(origin, { before: () => held });
    const mirror = aMirror(origin, `${server.url}/origin.git`);
    await mirror.head();
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    const fetching = mirror.head();
    expect(await mirror.isOnBranch(sha)).toBe(true);
    expect((await mirror.authors(sha)).complete).toBe(true);
    release();
    await fetching;
  });

  it('opens a mirror that an earlier process left, with its pins', async () => {
    const origin = await anOrigin();
    const sha = await origin.push('first');
    const first = aMirror(origin, origin.dir);
    await first.head();
    const source = await first.pin(sha, 'r-1');
    await origin.deleteBranch('main');
    await writeFile(join(source.mirror, 'packed-refs.lock'), '');
    await mkdir(join(source.mirror, 'refs/heads/x'), { recursive: true });
    await writeFile(join(source.mirror, 'refs/heads/x/y.lock'), '');
    const second = aMirror(origin, origin.dir);
    expect((await second.find(sha))?.sha).toBe(sha);
    const locks = (await readdir(source.mirror, { recursive: true })).filter((name) => name.endsWith('.lock'));
    expect(locks).toEqual([]);
  });

  it('is a bare repository with the whole history and nothing but branches, tags and pins', async () => {
    const origin = await anOrigin();
    await origin.push('first');
    const sha = await origin.push('second');
    await origin.git('update-ref', 'refs/pull/1/head', sha);
    const mirror = aMirror(origin, pathToFileURL(origin.dir).href);
    await mirror.head();
    const { mirror: dir } = await mirror.pin(sha, 'r-1');
    const git = async (...args: string[]) => (await execa('git', ['--git-dir', dir, ...args])).stdout;
    expect(await git('rev-parse', '--is-bare-repository')).toBe('true');
    expect(await git('rev-list', '--count', sha)).toBe('2');
    expect((await git('for-each-ref', '--format=%(refname)')).split('\n')).toEqual([
      'refs/heads/main',
      'refs/proxnix/r-1',
    ]);
  });

  it('keeps of a hostile repository what a person can read: names, message and refs without end', async () => {
    const origin = await anOrigin();
    const parent = await origin.push('first');
    const tree = await origin.git('rev-parse', `${parent}^{tree}`);
    const name = `Ada\r\u001b[2KNobody\u202e ${'n'.repeat(500_000)}`;
    const text = [
      `tree ${tree}`,
      `author ${name} <a@b> 1750000000 +0000`,
      `committer ${name} <a@b> 1750000000 +0000`,
      '',
      `subject ${'s'.repeat(20_000_000)}`,
    ].join('\n');
    await writeFile(join(origin.scratch, 'commit'), text);
    const sha = await origin.git('hash-object', '-w', '-t', 'commit', '--literally', join(origin.scratch, 'commit'));
    await origin.git('update-ref', 'refs/heads/main', sha);
    const long = Array.from({ length: 15 }, (_, index) => `${index}${'r'.repeat(200)}`).join('/');
    await origin.git('update-ref', `refs/heads/${long}`, sha);
    const refs = Array.from({ length: 20_000 }, (_, index) => `create refs/heads/many/${index} ${sha}`);
    await writeFile(join(origin.scratch, 'refs'), `${refs.join('\n')}\n`);
    await execa('git', ['update-ref', '--stdin'], { cwd: origin.dir, inputFile: join(origin.scratch, 'refs') });
    await origin.git('pack-refs', '--all');
    const mirror = aMirror(origin, pathToFileURL(origin.dir).href);
    const head = await mirror.head();
    expect(head.sha).toBe(sha);
    expect(head.author).toMatch(/^Ada Nobody n+…$/);
    expect(head.subject).toMatch(/^subject s+…$/);
    expect(Buffer.byteLength(JSON.stringify(head))).toBeLessThan(700);
  }, 120_000);

  it('follows a branch that becomes a folder of branches', async () => {
    const origin = await anOrigin();
    await origin.push('first');
    await origin.push('a', 'topic');
    const mirror = aMirror(origin, origin.dir);
    await mirror.head();
    await origin.deleteBranch('topic');
    const sha = await origin.push('b', 'topic/one');
    await mirror.head();
    expect((await mirror.find('topic/one'))?.sha).toBe(sha);
    expect(await mirror.find('topic')).toBeUndefined();
  });

  it('asks for more digits when several commits begin alike', async () => {
    const origin = await anOrigin();
    await origin.push('first');
    const [one, two] = await twoAlike(origin);
    const mirror = aMirror(origin, origin.dir);
    await expect(mirror.find(one.slice(0, 7))).rejects.toThrow(`${one.slice(0, 7)} is the beginning of 2 commits.`);
    expect((await mirror.find(one))?.sha).toBe(one);
    expect((await mirror.find(two))?.sha).toBe(two);
  });

  it('runs no hook and reads no settings of a person', async () => {
    const origin = await anOrigin();
    const sha = await origin.push('first');
    const home = await aFolder();
    const ran = join(home, 'ran');
    const hook = join(home, 'hooks', 'reference-transaction');
    await mkdir(dirname(hook));
    await writeFile(hook, `#!/bin/sh\necho ran > ${ran}\n`);
    await chmod(hook, 0o755);
    await writeFile(
      join(home, '.gitconfig'),
      `[core]\n\thooksPath = ${home}/hooks\n[url "file:///nowhere/"]\n\tinsteadOf = ${origin.dir}\n`,
    );
    vi.stubEnv('HOME', home);
    vi.stubEnv('GIT_DIR', home);
    const mirror = aMirror(origin, origin.dir);
    await mirror.head();
    const { mirror: dir } = await mirror.pin(sha, 'r-1');
    await mkdir(join(dir, 'hooks'), { recursive: true });
    await writeFile(join(dir, 'hooks', 'reference-transaction'), `#!/bin/sh\necho ran > ${ran}\n`);
    await chmod(join(dir, 'hooks', 'reference-transaction'), 0o755);
    await mirror.unpin('r-1');
    await expect(readFile(ran)).rejects.toThrow('ENOENT');
  });

  it('sends the token in no argument and shows it in no log and no error', async () => {
    const origin = await anOrigin();
    await origin.push('first');
    const server = await served(origin, { auth: { user: 'x-access-token', password: 'another' } });
    const said: unknown[] = [];
    const seen = await recordedGit();
    const mirror = aMirror(origin, `${server.url}/origin.git`, { token, log: { debug: (...all) => said.push(all) } });
    const error = await mirror.head().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    const basic = Buffer.from(`x-access-token:${token}`).toString('base64');
    expect(server.requests.map((request) => request.authorization)).toContain(`Basic ${basic}`);
    const args = await readFile(seen, 'utf8');
    expect(args).toContain('fetch');
    const shown = `${args}${JSON.stringify(said)}${JSON.stringify(error)}${String(error)}`;
    expect(shown).not.toContain(token);
    expect(shown).not.toContain(basic);
  });

  it('takes a password out of the URL before anyone sees it', async () => {
    const origin = await anOrigin();
    const sha = await origin.push('first');
    const server = await served(origin, { auth: { user: 'ada', password: token } });
    const withPassword = server.url.replace('://', `://ada:${token}@`);
    const seen = await recordedGit();
    expect((await aMirror(origin, `${withPassword}/origin.git`).head()).sha).toBe(sha);
    expect(await readFile(seen, 'utf8')).not.toContain(token);
    await expect(aMirror(origin, `${withPassword}/absent.git`).head()).rejects.toThrow(
      `The repository ${server.url}/absent.git cannot be fetched`,
    );
  });

  it('does not carry the token to where the server points', async () => {
    const origin = await anOrigin();
    await origin.push('first');
    const thief = await served(origin);
    const server = await served(origin, { redirect: thief.url });
    const error: unknown = await aMirror(origin, `${server.url}/origin.git`, { token })
      .head()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ next: 'The server points elsewhere: configure the new URL of the repository.' });
    expect(thief.requests).toEqual([]);
  });

  it('tells a wrong token from a server that is not there', async () => {
    const origin = await anOrigin();
    const server = await served(origin, { auth: { user: 'x-access-token', password: token } });
    await expect(aMirror(origin, `${server.url}/origin.git`, { token: 'wrong' }).head()).rejects.toMatchObject({
      next: expect.stringContaining('Check the token'),
    });
    await server.close();
    await expect(aMirror(origin, `${server.url}/origin.git`).head()).rejects.toMatchObject({
      message: expect.stringContaining(`The repository ${server.url}/origin.git cannot be fetched: `),
      next: expect.stringContaining('can be reached'),
    });
  });

  it('gives up on a server that never answers, and works again afterwards', async () => {
    const origin = await anOrigin();
    const bin = await aFolder();
    await writeFile(join(bin, 'ssh'), `#!/bin/sh\ntrap 'printf ended > ${bin}/ended; exit 1' TERM\nsleep 60 &\nwait\n`);
    await chmod(join(bin, 'ssh'), 0o755);
    const options = { sshCommand: join(bin, 'ssh'), timeoutMs: 300 };
    const mirror = aMirror(origin, 'git@example.org:owner/fleet.git', options);
    await expect(mirror.head()).rejects.toThrow('Fetching git@example.org:owner/fleet.git took longer than 0.3 s.');
    expect(await readFile(join(bin, 'ended'), 'utf8'), 'ssh was asked to end too').toBe('ended');
    await expect(mirror.unpin('r-1')).resolves.toBeUndefined();
  });

  it('says that a repository with SHA-256 hashes cannot be evaluated', async () => {
    const dir = await aFolder();
    await execa('git', ['init', '--quiet', '--bare', '--object-format=sha256', '--initial-branch=main', dir]);
    const file = '/dev/null';
    const { stdout: tree } = await execa('git', ['hash-object', '-w', '-t', 'tree', file], { cwd: dir });
    const env = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' };
    const { stdout: sha } = await execa('git', ['commit-tree', tree, '-m', 'First'], { cwd: dir, env });
    await execa('git', ['update-ref', 'refs/heads/main', sha], { cwd: dir });
    const scratch = await aFolder();
    for (const url of [dir, pathToFileURL(dir).href]) {
      const mirror = new GitMirror({ dir: join(scratch, 'mirror.git'), url, branch: 'main', timeoutMs: 120_000 });
      await expect(mirror.head()).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringContaining('client sha1; server sha256'),
        next: expect.stringContaining('SHA-256, which Nix cannot read'),
      });
    }
  });

  it('says how to get git when it is missing', async () => {
    const origin = await anOrigin();
    vi.stubEnv('PATH', await aFolder());
    await expect(aMirror(origin, origin.dir).head()).rejects.toMatchObject({
      name: 'UserError',
      message: 'git is not installed on the machine of the bot.',
    });
  });
});

interface MirrorOptions {
  readonly token?: string;
  readonly sshCommand?: string;
  readonly timeoutMs?: number;
  readonly log?: { debug(facts: object, message: string): void };
}

function aMirror(origin: Origin, url: string, options: MirrorOptions = {}): GitMirror {
  return new GitMirror({ dir: join(origin.scratch, 'mirror.git'), url, branch: 'main', flakeDir: 'fleet', ...options });
}

async function served(origin: Origin, options: Parameters<typeof startGitHttp>[1] = {}) {
  const server = await startGitHttp(dirname(origin.dir), options);
  onTestFinished(() => server.close());
  return server;
}

/** A `git` first in PATH that writes down its arguments. @returns the file it writes to */
async function recordedGit(): Promise<string> {
  const bin = await aFolder();
  const { stdout: real } = await execa('sh', ['-c', 'command -v git']);
  const file = join(bin, 'arguments');
  await writeFile(join(bin, 'git'), `#!/bin/sh\nprintf '%s\\n' "$*" >> ${file}\nexec ${real} "$@"\n`);
  await chmod(join(bin, 'git'), 0o755);
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  return file;
}

/** Two commits whose hashes share seven digits, on branches of their own: some ten thousand hashes find a pair. */
async function twoAlike(origin: Origin): Promise<readonly [string, string]> {
  const tree = await origin.git('rev-parse', 'refs/heads/main^{tree}');
  const who = 'Ada <ada@example.org> 1750000000 +0000';
  const seen = new Map<string, string>();
  for (let number = 0; ; number++) {
    const text = `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\n${number}\n`;
    const sha = createHash('sha1').update(`commit ${text.length}\0${text}`).digest('hex');
    const other = seen.get(sha.slice(0, 7));
    seen.set(sha.slice(0, 7), text);
    if (other === undefined) continue;
    const first = await writeCommit(origin, other, 'alike/one');
    return [first, await writeCommit(origin, text, 'alike/two')];
  }
}

async function writeCommit(origin: Origin, text: string, branch: string): Promise<string> {
  const file = join(origin.scratch, 'commit');
  await writeFile(file, text);
  const sha = await origin.git('hash-object', '-w', '-t', 'commit', file);
  await origin.git('update-ref', `refs/heads/${branch}`, sha);
  return sha;
}

describe('the authors of commits', () => {
  it('count as incomplete where git says more of them than is read', async () => {
    const origin = await anOrigin();
    const base = await origin.push('first');
    const tree = await origin.git('rev-parse', 'refs/heads/main^{tree}');
    const long = `tree ${tree}\nparent ${base}\nauthor ${'x'.repeat(1_200_000)} <eve@example.org> 1750000000 +0200\ncommitter Ada <ada@example.org> 1750000000 +0200\n\nLong\n`;
    const file = join(origin.scratch, 'commit');
    await writeFile(file, long);
    const sha = await origin.git('hash-object', '-t', 'commit', '-w', file);
    await origin.git('update-ref', 'refs/heads/main', sha);
    const git = aMirror(origin, origin.dir);
    await git.head();
    expect((await git.authors(sha, base)).complete).toBe(false);
  });
});

/** A commit on top of the branch with one more file. @returns its hash */
async function commitOf(origin: Origin, path: string, text: string): Promise<string> {
  const index = { cwd: origin.dir, env: { GIT_INDEX_FILE: join(origin.scratch, 'index') } };
  const file = join(origin.scratch, 'file');
  await writeFile(file, text);
  const blob = await origin.git('hash-object', '-w', file);
  await execa('git', ['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], index);
  const tree = (await execa('git', ['write-tree'], index)).stdout;
  const tip = await origin.git('rev-parse', '--verify', '--quiet', 'refs/heads/main').catch(() => undefined);
  const parents = tip === undefined ? [] : ['-p', tip];
  const sha = await origin.git('commit-tree', tree, ...parents, '-m', 'A lock file');
  await origin.git('update-ref', 'refs/heads/main', sha);
  return sha;
}

describe('the lock file of a pinned commit', () => {
  it.each([
    ['flake.lock', undefined],
    ['hosts/a/flake.lock', 'hosts/a'],
  ])('comes with it: %s', async (path, flakeDir) => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, path, '{"version":7}\n');
    const options = flakeDir === undefined ? {} : { flakeDir };
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main', ...options });
    await git.head();
    expect((await git.pin(sha, 'r-1')).lock?.trimEnd()).toBe('{"version":7}');
  });

  it('is absent where the flake has none', async () => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, 'other/flake.lock', '{}');
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main' });
    await git.head();
    expect(await git.pin(sha, 'r-1')).not.toHaveProperty('lock');
  });

  it('is refused when it is larger than any that Nix writes', async () => {
    const origin = await anOrigin();
    const sha = await commitOf(origin, 'flake.lock', ' '.repeat(4 * 2 ** 20 + 1));
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), url: origin.dir, branch: 'main' });
    await git.head();
    await expect(git.pin(sha, 'r-1')).rejects.toThrow('The file flake.lock is larger than 4 MiB.');
  });
});

describe('the comparison of two commits', () => {
  it('has the files that differ, under their names, and both lock files of the flake folder', async () => {
    const origin = await anOrigin();
    const before = await commitOf(origin, 'hosts/a/flake.lock', '{"version":7}\n');
    await commitOf(origin, 'hosts/a/flake.lock', '{"version":6}\n');
    const after = await commitOf(origin, 'wéb "site".html', 'hello');
    const options = { url: origin.dir, branch: 'main', flakeDir: 'hosts/a' };
    const git = new GitMirror({ dir: join(origin.scratch, 'mirror'), ...options });
    await git.head();
    const { files, locks } = await git.compare(before, after);
    expect(files).toEqual(['hosts/a/flake.lock', 'wéb "site".html']);
    expect([locks.before?.trimEnd(), locks.after?.trimEnd()]).toEqual(['{"version":7}', '{"version":6}']);
  });
});

describe('the Nix files of a commit', () => {
  it('are those of the flake folder that contain the text, with their paths in the repository', async () => {
    const origin = await anOrigin();
    await commitOf(origin, 'other/vms.nix', '{ vm_id = 1; }\n');
    await commitOf(origin, 'hosts/a/vms.txt', '{ vm_id = 2; }\n');
    await commitOf(origin, 'hosts/a/none.nix', '{ }\n');
    await commitOf(origin, 'hosts/a/huge.nix', `# vm_id ${' '.repeat(256 * 1024)}\n`);
    await commitOf(origin, 'hosts/a/web/ü b.nix', '{ vm_id = 3; }\n');
    const sha = await commitOf(origin, 'hosts/a/vms.nix', '{ vm_id = 4; }\n');
    const git = new GitMirror({
      dir: join(origin.scratch, 'mirror'),
      url: origin.dir,
      branch: 'main',
      flakeDir: 'hosts/a',
    });
    await git.head();
    expect((await git.nixFiles(sha, 'vm_id')).map(({ path, text }) => [path, text.trimEnd()])).toEqual([
      ['hosts/a/vms.nix', '{ vm_id = 4; }'],
      ['hosts/a/web/ü b.nix', '{ vm_id = 3; }'],
    ]);
    expect(await git.nixFiles(sha, 'nothing has this')).toEqual([]);
    await expect(git.nixFiles('0'.repeat(40), 'vm_id')).rejects.toThrow(UserError);
  });
});
