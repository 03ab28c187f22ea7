import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../src/lib/system.ts';
import { lockInstance } from '../../src/store/instance-lock.ts';

const program = fileURLToPath(new URL('../../src/bin.mjs', import.meta.url));

it('a second demo of a folder touches nothing of the one that runs there', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-second-'));
  onTestFinished(() => removeTree(dir));
  const demo = join(dir, '.proxnix', 'demo');
  await mkdir(demo, { recursive: true });
  const url = 'http://127.0.0.1:6780';
  await writeFile(join(demo, 'session.json'), JSON.stringify({ url, secret: 'x', simulatorUrl: url }));
  const unlock = await lockInstance(join(dir, '.proxnix', 'demo.lock'));
  onTestFinished(unlock);
  const { exitCode, stderr } = await execa(process.execPath, [program, 'demo', '--port', '0'], {
    cwd: dir,
    reject: false,
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`The demo is running already, at ${url}.`);
  expect(await readFile(join(demo, 'session.json'), 'utf8')).toContain(url);
});
