import { access, chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../src/lib/system.ts';

it('removes folders that may not be written, and follows no link out of them', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-tree-'));
  const outside = await mkdtemp(join(tmpdir(), 'proxnix-outside-'));
  onTestFinished(() => removeTree(outside));
  await writeFile(join(outside, 'kept'), '');
  await mkdir(join(dir, 'a', 'b'), { recursive: true });
  await writeFile(join(dir, 'a', 'b', 'file'), '');
  await symlink(outside, join(dir, 'a', 'link'));
  await chmod(join(dir, 'a', 'b'), 0o555);
  await chmod(join(dir, 'a'), 0o555);
  await removeTree(dir);
  await expect(access(dir)).rejects.toThrow('ENOENT');
  await access(join(outside, 'kept'));
  await removeTree(dir);
});
