import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
  it('runs with its dependencies alone: no TypeScript, no tests, no development package', async () => {
    const dir = await aFolder();
    const { stdout } = await execa('npm', ['pack', '--json', '--pack-destination', dir], { cwd: root });
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    await execa('tar', ['-xzf', path.join(dir, packed.filename), '-C', dir]);
    const home = path.join(dir, 'package');
    const files = await filesOf(home);
    expect(files.filter((file) => /\.ts$|^dist\/test/.test(file))).toEqual([]);
    const { dependencies } = JSON.parse(await readFile(path.join(home, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      const link = path.join(home, 'node_modules', name);
      await mkdir(path.dirname(link), { recursive: true });
      await symlink(path.join(root, 'node_modules', name), link);
    }
    const proxnix = (...args: string[]) =>
      execa(process.execPath, [path.join(home, 'src/bin.mjs'), ...args], { cwd: dir, all: true, reject: false });
    expect(await proxnix('--help')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Usage: proxnix') });
    expect(await proxnix('gallery', '--out', path.join(dir, 'cards'))).toMatchObject({ exitCode: 0 });
    expect(await proxnix('demo', '--once')).toMatchObject({ exitCode: 0, all: expect.stringContaining('\nDone:') });
  }, 120_000);

  it('has every file that the program reads beside its code', async () => {
    const read = (await filesOf(path.join(root, 'src'))).filter(
      (file) => file.includes('/') && !/\.(ts|md)$|jsconfig\.json$/.test(file),
    );
    expect(read.length).toBeGreaterThan(30);
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
