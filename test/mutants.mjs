// Takes each guard of a list out in turn and names those that no test notices.
//   npm run mutants                 every guard
//   npm run mutants -- sandbox      the guards whose name contains "sandbox"
// Works on a copy of the checkout, so nothing here changes. Ends with 1 when a guard survives or is not found any more.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guards } from './mutants/guards.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const oneRunMs = 240_000;
const wanted = guards.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)));
const copy = mkdtempSync(join(tmpdir(), 'proxnix-mutants-'));
const results = { killed: 0, survived: [], broken: [] };
try {
  const { stdout } = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  for (const file of stdout.split('\0').filter(Boolean)) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const green = test([...new Set(wanted.flatMap(({ tests }) => tests))], 10 * oneRunMs);
  if (!green.passed) {
    console.error(`The tests fail without any change:\n${green.text}`);
    process.exitCode = 1;
  } else {
    for (const [index, guard] of wanted.entries()) take(guard, `${index + 1} of ${wanted.length}`);
    report();
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** One guard less: does a test fail? */
function take({ name, file, from, to, tests }, place) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2) {
    results.broken.push(`${name}: ${file} has its text ${parts.length - 1} times`);
    return;
  }
  writeFileSync(path, parts.join(to));
  const began = Date.now();
  const { passed } = test(tests, oneRunMs);
  writeFileSync(path, text);
  if (passed) results.survived.push(`${name} (${file})`);
  else results.killed++;
  console.log(`${place}  ${passed ? 'SURVIVED' : 'noticed '}  ${name}  ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

/** A run that has to be ended counts as failed: a guard whose loss hangs the tests is noticed. */
function test(files, timeout) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', '--bail', '1', '--reporter', 'dot', ...files];
  const run = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
    env: { ...process.env, CI: 'true' },
  });
  return { passed: run.status === 0, text: `${run.stdout}${run.stderr}`.slice(-4000) };
}

function report() {
  console.log(`\n${results.killed} of ${wanted.length} guards are noticed by a test.`);
  for (const line of results.survived) console.log(`SURVIVED  ${line}`);
  for (const line of results.broken) console.log(`NOT FOUND ${line}`);
  if (results.survived.length + results.broken.length > 0) process.exitCode = 1;
}
