// Prepares a machine that has Node and nothing else, then runs a command: npm packages, and Debian's programs where a person
// agrees. Plain JavaScript, because it runs before anything is installed.
//   node src/setup.mjs demo|test COMMAND [ARGUMENT...] [--yes]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = {
  git: { package: 'git', for: ['demo', 'test'], without: 'there is no repository to push to' },
  nix: {
    package: 'nix-bin',
    for: ['demo', 'test'],
    without: 'evaluations are recorded ones and tests of Nix are skipped',
  },
  bwrap: { package: 'bubblewrap', for: ['demo', 'test'], without: 'evaluations run in no sandbox' },
  flock: { package: 'util-linux', for: ['demo', 'test'], without: 'no store can be locked, so no bot starts' },
  'qemu-img': { package: 'qemu-utils', for: ['demo', 'test'], without: 'nobody checks the images once more' },
  chromium: { package: 'chromium', for: ['test'], without: 'tests of the console in a browser are skipped' },
};

const [purpose = 'demo', ...rest] = process.argv.slice(2);
const command = rest.filter((word) => word !== '--yes');
const isAgreed = command.length < rest.length || process.env.CI === 'true';
checkNode();
installPackages();
await installPrograms(purpose);
runCommand(command);

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`proxnix needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

function installPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  if (!run('npm packages', 'npm', ['ci', '--no-audit', '--no-fund'])) fail('npm ci failed: see above.');
}

async function installPrograms(what) {
  const missing = Object.entries(programs).filter(([name, program]) => program.for.includes(what) && !isInPath(name));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, program]) => program.package))];
  if (isInPath('apt-get') && process.getuid?.() === 0 && (await mayInstall(packages))) {
    const options = ['-y', '-qq', '--no-install-recommends'];
    run('package lists', 'apt-get', ['update', '-qq']);
    run(packages.join(', '), 'apt-get', ['install', ...options, ...packages]);
  }
  for (const [name, program] of missing.filter(([name]) => !isInPath(name))) {
    const line = `${name} is missing (Debian: apt-get install ${program.package}): ${program.without}.`;
    if (process.env.CI === 'true') fail(line);
    console.error(`setup: ${line}`);
  }
}

/** Programs for the whole machine are installed only where somebody said yes. */
async function mayInstall(packages) {
  if (isAgreed) return true;
  const line = `apt-get install ${packages.join(' ')}`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    console.error(`setup: not installed, because nobody can be asked here: add --yes, or run as root: ${line}`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D is no answer, and no is what it means.
  const closed = new Promise((resolve) => terminal.once('close', () => resolve('')));
  const answer = await Promise.race([terminal.question(`setup: run as root: ${line}? [y/N] `), closed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

function isInPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, name)));
}

function run(what, command, args) {
  console.error(`setup: installing ${what}`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}

/** Runs the command in our place: its output, its signals, its exit code. */
function runCommand([file, ...args]) {
  if (file === undefined) return;
  const child = spawn(file, args, { cwd: root, stdio: 'inherit' });
  // A terminal sends Ctrl-C to both, and the child decides what it finishes first. Without one, npm or a person sent it here alone.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => fail(`${file} cannot be run: ${error.message}`));
  child.on('exit', (code) => process.exit(code ?? 1));
}

function fail(line) {
  console.error(`setup: ${line}`);
  process.exit(1);
}
