// Prepares a machine that has Node and nothing else: npm packages, and Debian's programs where that is allowed. Plain
// JavaScript, because it runs before anything is installed.
//   node src/setup.mjs demo|test
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = {
  git: { package: 'git', for: ['demo', 'test'], without: 'there is no repository to push to' },
  nix: {
    package: 'nix-bin',
    for: ['demo', 'test'],
    without: 'evaluations are recorded ones and tests of Nix are skipped',
  },
  'qemu-img': { package: 'qemu-utils', for: ['demo', 'test'], without: 'nobody checks the images once more' },
  chromium: { package: 'chromium', for: ['test'], without: 'tests of the console in a browser are skipped' },
};

const purpose = process.argv[2] ?? 'demo';
checkNode();
installPackages();
installPrograms(purpose);

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

function installPrograms(what) {
  const missing = Object.entries(programs).filter(([name, program]) => program.for.includes(what) && !isInPath(name));
  if (missing.length === 0) return;
  const packages = missing.map(([, program]) => program.package);
  if (isInPath('apt-get') && process.getuid?.() === 0) {
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

function fail(line) {
  console.error(`setup: ${line}`);
  process.exit(1);
}
