// Compiles a checkout's TypeScript into `dist/`, from where the program runs. Plain JavaScript, because nothing is compiled
// before it. Types are checked by `npm run check:static`, not here. The published package has `dist/` and not this file.
//   node src/build.mjs            run by `npm ci`, `npm pack`, src/bin.mjs and the tests
import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Names the sources that `dist/` was made from. */
const stampName = 'sources.sha256';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problem = build(fileURLToPath(new URL('..', import.meta.url)));
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}

/**
 * Builds `dist/` of a checkout when a source is another one than it was made from.
 * @param {string} root the folder of package.json
 * @returns {string | undefined} why it cannot be built; `undefined` when `dist/` is up to date
 */
export function build(root) {
  const dist = join(root, 'dist');
  const stamp = stampOf(root);
  if (readStamp(dist) === stamp) return undefined;
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler))
    return 'proxnix cannot be built: TypeScript is missing. Run `npm ci`, with the development packages.';
  // Beside `dist/` and moved there when it is whole: a program that starts meanwhile never finds half of it.
  const fresh = join(root, `dist-${randomUUID()}`);
  try {
    mkdirSync(fresh);
    const { status } = spawnSync(process.execPath, [compiler, '--noCheck', '--outDir', fresh], {
      cwd: root,
      stdio: ['ignore', process.stderr.fd, 'inherit'],
    });
    if (status !== 0) return 'proxnix cannot be built: see what tsc says above.';
    for (const file of assetsOf(root)) cpSync(join(root, file), join(fresh, file));
    cpSync(join(root, 'package.json'), join(fresh, 'package.json'));
    writeFileSync(join(fresh, stampName), `${stamp}\n`);
    replaceFolder(dist, fresh, stamp);
    return undefined;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Everything that `dist/` is made from, by path from the root. */
function sourcesOf(root) {
  return [
    ...['src', 'commands'].flatMap((dir) => filesOf(root, dir)),
    ...testsOf(root),
    'package.json',
    'tsconfig.json',
  ];
}

/** Programs that tests start are compiled with the rest. */
function testsOf(root) {
  return existsSync(join(root, 'test')) ? filesOf(root, 'test').filter((file) => extname(file) === '.ts') : [];
}

function filesOf(root, dir) {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Files that the program reads beside its code: `new URL('./page/', import.meta.url)`. */
function assetsOf(root) {
  return sourcesOf(root).filter((file) => {
    const [top, ...rest] = file.split(sep);
    const isCode = ['.ts', '.md'].includes(extname(file)) || basename(file) === 'jsconfig.json';
    // The scripts at the top of src/ are for a checkout.
    return top === 'src' && rest.length > 1 && !isCode;
  });
}

/** Another one when a source was edited, added, removed or renamed: a copy of a checkout needs no build of its own. */
function stampOf(root) {
  const hash = createHash('sha256');
  for (const file of sourcesOf(root)) {
    const text = readFileSync(join(root, file));
    hash.update(`${file}\0${text.length}\0`).update(text);
  }
  return hash.digest('hex');
}

function readStamp(dist) {
  const file = join(dist, stampName);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** Two processes may build at the same time: what the other one has put there is as good, and is in use. */
function replaceFolder(folder, fresh, stamp) {
  const old = join(fresh, 'old');
  while (readStamp(folder) !== stamp) {
    try {
      if (existsSync(folder)) renameSync(folder, old);
      rmSync(old, { recursive: true, force: true });
      renameSync(fresh, folder);
      return;
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    }
  }
}
