import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from './support/compiled.ts';

async function aFolder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-build-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** The files below a folder, by path from it. */
async function filesOf(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
}

/** A small checkout that says "first": its own sources, our compiler. */
async function aCheckout(): Promise<string> {
  const dir = await aFolder();
  for (const folder of ['src/page', 'commands', 'node_modules'])
    await mkdir(path.join(dir, folder), { recursive: true });
  for (const file of ['tsconfig.json', 'src/bin.mjs', 'src/build.mjs'])
    await cp(path.join(root, file), path.join(dir, file));
  for (const name of ['typescript', '@typescript', '@types']) {
    await symlink(path.join(root, 'node_modules', name), path.join(dir, 'node_modules', name));
  }
  await writeFile(path.join(dir, 'package.json'), '{ "type": "module" }');
  await writeFile(path.join(dir, 'src/main.ts'), "import { word } from './word.ts';\nconsole.log(word as string);\n");
  await writeFile(path.join(dir, 'src/word.ts'), "export const word: string = 'first';\n");
  await writeFile(path.join(dir, 'src/page/index.html'), '<p>\n');
  return dir;
}

const runs = (dir: string) => execa(process.execPath, [path.join(dir, 'src/bin.mjs')], { reject: false });

describe('a checkout', () => {
  it('is compiled at the first start, with the files that the program reads beside its code', async () => {
    const dir = await aCheckout();
    expect(await runs(dir)).toMatchObject({ stdout: 'first', exitCode: 0 });
    expect(await readFile(path.join(dir, 'dist/src/page/index.html'), 'utf8')).toBe('<p>\n');
    expect(await readFile(path.join(dir, 'dist/package.json'), 'utf8')).toBe('{ "type": "module" }');
    expect((await readdir(dir)).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  });

  it('never runs code that is older than its sources', async () => {
    const dir = await aCheckout();
    await runs(dir);
    const word = path.join(dir, 'src/word.ts');
    await writeFile(word, "export const word: string = 'other';\n");
    expect(await runs(dir)).toMatchObject({ stdout: 'other' });
    await rm(word);
    await writeFile(path.join(dir, 'src/main.ts'), "console.log('alone');\n");
    expect(await runs(dir)).toMatchObject({ stdout: 'alone' });
    expect(await filesOf(path.join(dir, 'dist/src'))).not.toContain('word.js');
  });

  it('is compiled whole where many start at the same time, and each of them runs', async () => {
    const dir = await aCheckout();
    const all = await Promise.all(Array.from({ length: 6 }, () => runs(dir)));
    expect(all.map(({ stdout, stderr }) => stdout + stderr)).toEqual(Array.from({ length: 6 }, () => 'first'));
    expect((await readdir(dir)).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  });

  it('with an error in it says so and runs nothing old', async () => {
    const dir = await aCheckout();
    await runs(dir);
    await writeFile(path.join(dir, 'src/word.ts'), 'export const word = ;\n');
    const { exitCode, stdout, stderr } = await runs(dir);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('src/word.ts');
    expect(stderr).toContain('proxnix cannot be built');
  });

  it('without the compiler says what to install', async () => {
    const dir = await aCheckout();
    await rm(path.join(dir, 'node_modules'), { recursive: true });
    expect(await runs(dir)).toMatchObject({
      exitCode: 1,
      stderr: 'proxnix cannot be built: TypeScript is missing. Run `npm ci`, with the development packages.',
    });
  });
});

describe('the published package', () => {
  /** A folder as `npm install proxnix-bot` leaves it: the packed package, its dependencies, no development package. */
  async function anInstallation(): Promise<string> {
    const dir = await aFolder();
    const { stdout } = await execa('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], {
      cwd: root,
    });
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    await execa('tar', ['-xzf', path.join(dir, packed.filename), '-C', dir]);
    const modules = path.join(dir, 'node_modules');
    await mkdir(path.join(modules, '.bin'), { recursive: true });
    await rename(path.join(dir, 'package'), path.join(modules, 'proxnix-bot'));
    const { bin } = JSON.parse(await readFile(path.join(modules, 'proxnix-bot/package.json'), 'utf8'));
    for (const [name, file] of Object.entries<string>(bin))
      await symlink(path.join('../proxnix-bot', file), path.join(modules, '.bin', name));
    const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8'));
    for (const [folder, { dev }] of Object.entries<{ dev?: true }>(lock.packages)) {
      // A package inside of another one is copied with it.
      if (dev === true || !/^node_modules\/(@[^/]+\/)?[^/]+$/.test(folder)) continue;
      await cp(path.join(root, folder), path.join(dir, folder), { recursive: true });
    }
    return dir;
  }

  it('runs by `npx proxnix-bot` with its dependencies alone: no TypeScript, tests, fakes, gallery or development package', async () => {
    const dir = await anInstallation();
    const files = await filesOf(path.join(dir, 'node_modules/proxnix-bot'));
    expect(files.filter((file) => /\.ts$|(^|\/)(tests?|fakes|contracts)\/|gallery/.test(file))).toEqual([]);
    expect(existsSync(path.join(dir, 'node_modules/typescript'))).toBe(false);
    const npx = (...args: string[]) =>
      execa('npx', ['--offline', 'proxnix-bot', ...args], { cwd: dir, all: true, reject: false });
    const help = await npx('--help');
    expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Usage: proxnix') });
    expect(help.stdout).not.toContain('gallery');
    expect(await npx('init', '--help')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('--proxmox-url'),
    });
    expect(await npx('demo', '--once')).toMatchObject({ exitCode: 0, all: expect.stringContaining('\nDone:') });
  });

  it('has every file that the program reads beside its code', async () => {
    const read = (await filesOf(path.join(root, 'src'))).filter(
      (file) => file.includes('/') && !/\.(ts|md)$|jsconfig\.json$/.test(file),
    );
    expect(read.length).toBeGreaterThan(20);
    expect(await filesOf(path.join(root, 'dist/src'))).toEqual(expect.arrayContaining(read));
  });
});

describe('the folder for temporary files', () => {
  it('holds no code that the program runs', async () => {
    const dir = await aFolder();
    const run = () => execa(process.execPath, [path.join(root, 'src/bin.mjs'), '--version'], { env: { TMPDIR: dir } });
    const first = await run();
    // A cache of compiled code in the form that tsx has. Another user can put it there before the first start.
    for (const file of await filesOf(dir)) {
      const text = await readFile(path.join(dir, file), 'utf8');
      await writeFile(path.join(dir, file), text.replace('{"code":"', `$&console.log('planted');`));
    }
    expect(await run()).toMatchObject({ stdout: first.stdout });
    expect(await filesOf(dir)).toEqual([]);
  });
});
