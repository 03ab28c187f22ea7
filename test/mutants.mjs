// Takes each guard of a list out in turn and names those that no test notices.
//   npm run mutants                 every guard
//   npm run mutants -- sandbox      the guards whose name contains "sandbox"
// Works on a copy of the checkout, so nothing here changes. Ends with 1 when a guard survives, is not found any more, or is
// noticed only because its tests do not end without it.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guards } from './mutants/guards.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Longer than the time limit of one test, so that a test that hangs fails by itself. */
const oneRunMs = 240_000;
/** Guards at the same time, each in a copy of its own: a run computes on one core, and waits. */
const atOnce = 2;
const wanted = guards.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)));
const results = { noticed: 0, survived: [], missing: [], endless: [] };
/** The process groups of the runs at work. */
const running = new Set();
const copies = [];
process.once('exit', () => {
  for (const group of running) endGroup(group);
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

for (let count = 0; count < atOnce; count++) copies.push(copyCheckout());
console.log(`${wanted.length} guards; first their tests without any change.`);
const green = await test(copies[0], [...new Set(wanted.flatMap(({ tests }) => tests))].sort(), 5 * oneRunMs);
if (green.end === 'passed') {
  const queue = [...wanted.entries()];
  await Promise.all(
    copies.map(async (copy) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await takeOut(copy, next[1], `${next[0] + 1}/${wanted.length}`);
      }
    }),
  );
  report();
} else {
  console.error(`The tests fail without any change (${green.end}): ${green.first ?? green.text}`);
  process.exitCode = 1;
}

function copyCheckout() {
  const copy = mkdtempSync(join(tmpdir(), 'proxnix-mutants-'));
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = spawnSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(join(root, name)))) {
    cpSync(join(root, file), join(copy, file));
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  // Few tests start compiled programs; the others need not wait for the compiler.
  const uncompiled =
    "import config from './vitest.config.ts';\nexport default { test: { ...config.test, globalSetup: [] } };\n";
  writeFileSync(join(copy, 'test', 'uncompiled.config.mjs'), uncompiled);
  return copy;
}

/** One guard less: does a test fail? */
async function takeOut(copy, { name, file, from, to, tests }, place) {
  const path = join(copy, file);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const parts = text.split(from);
  if (parts.length !== 2) {
    results.missing.push(`${name}: ${file} has its text ${parts.length - 1} times`);
    console.log(`${place}  NOT FOUND  ${name}`);
    return;
  }
  writeFileSync(path, parts.join(to));
  const began = Date.now();
  const { end, first } = await test(copy, tests, oneRunMs);
  writeFileSync(path, text);
  if (end === 'failed') results.noticed++;
  else if (end === 'passed') results.survived.push(`${name} (${file})`);
  else results.endless.push(`${name} (${file})`);
  const words = { failed: 'noticed ', passed: 'SURVIVED', endless: 'ENDLESS ' };
  const by = first === undefined ? '' : `  by "${first}"`;
  console.log(`${place}  ${words[end]}  ${name}  ${((Date.now() - began) / 1000).toFixed(0)} s${by}`);
}

/** Runs test files up to the first failure. `first` names that test. */
async function test(copy, files, timeoutMs) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const outcome = join(copy, 'outcome.json');
  rmSync(outcome, { force: true });
  const isCompiled = files.some((file) => /\bcompiled\(/.test(readFileSync(join(copy, file), 'utf8')));
  const config = `test/${isCompiled ? 'vitest.config.ts' : 'uncompiled.config.mjs'}`;
  const args = [
    'run',
    '--root',
    copy,
    '--config',
    config,
    '--bail',
    '1',
    '--reporter',
    'json',
    '--outputFile',
    outcome,
  ];
  const child = spawn(process.execPath, [vitest, ...args, ...files], {
    cwd: copy,
    // A group of its own: a worker that computes for ever ends with it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CI: 'true' },
  });
  running.add(child.pid);
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text = (text + more).slice(-4000);
  });
  let end = 'failed';
  const timer = setTimeout(() => {
    end = 'endless';
    endGroup(child.pid);
  }, timeoutMs);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  endGroup(child.pid);
  running.delete(child.pid);
  return { end: code === 0 ? 'passed' : end, first: firstFailure(outcome), text };
}

function endGroup(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function firstFailure(outcome) {
  if (!existsSync(outcome)) return undefined;
  const files = JSON.parse(readFileSync(outcome, 'utf8')).testResults;
  const failed = files.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed'));
  const broken = files.filter(({ status, message }) => status === 'failed' && message !== '');
  return failed[0]?.fullName ?? broken[0]?.message.split('\n', 1)[0];
}

function report() {
  console.log(`\n${results.noticed} of ${wanted.length} guards are noticed by a test.`);
  for (const line of results.survived) console.log(`SURVIVED   ${line}`);
  for (const line of results.endless) console.log(`ENDLESS    ${line}`);
  for (const line of results.missing) console.log(`NOT FOUND  ${line}`);
  if (results.noticed < wanted.length) process.exitCode = 1;
}
