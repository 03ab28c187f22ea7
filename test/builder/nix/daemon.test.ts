import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, vi } from 'vitest';
import { withStore } from '../../../src/builder/nix/daemon.ts';
import { nixEnvironment, nixSettings } from '../../../src/builder/nix/settings.ts';
import { nix, nixOptions } from './here.ts';

/** The pids of the daemons that serve a store, as the machine tells. */
async function daemonsOf(store: string): Promise<readonly string[]> {
  const { stdout } = await execa('ps', ['-eo', 'pid,args'], { reject: false });
  return stdout.split('\n').filter((line) => line.includes('nix-daemon') && line.includes(store));
}

describe.skipIf(nix?.options.store === undefined)('the daemon of a store', () => {
  it('serves while it is used, one for all who use it at once, and ends a moment later with its socket', async () => {
    const options = await nixOptions();
    const store = join(options.dir, 'store');
    const settings = nixSettings({ ...options, store });
    const sockets = await Promise.all(
      [1, 2].map(() =>
        withStore(settings, async ({ uri, socket, files }) => {
          expect(files).toBe(store);
          expect(uri).toBe(`unix:///run/nix/socket?root=${store}`);
          const asked = uri.replace(socket.inside, socket.outside);
          const { stdout } = await execa('nix-store', ['--store', asked, '--version'], {
            env: nixEnvironment(settings),
          });
          expect(stdout).toContain('Nix');
          expect(await daemonsOf(store)).toHaveLength(1);
          return socket.outside;
        }),
      ),
    );
    const [socket = ''] = sockets;
    expect(new Set(sockets).size).toBe(1);
    // The folder of the socket is closed to all but the bot's user.
    expect((await stat(dirname(socket))).mode & 0o077).toBe(0);
    await vi.waitFor(async () => expect(await daemonsOf(store)).toEqual([]), { timeout: 60_000, interval: 100 });
    await vi.waitFor(async () => expect(await readdir(settings.tmpDir)).toEqual([]), { timeout: 60_000 });
  });

  it('that cannot be started is an error with its last words', async () => {
    const options = await nixOptions();
    const bin = join(options.dir, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'nix-daemon'), '#!/bin/sh\necho "error: the store is on the moon" >&2\nexit 1\n');
    await chmod(join(bin, 'nix-daemon'), 0o755);
    const settings = nixSettings({ ...options, nixBinDir: bin });
    await expect(withStore(settings, async () => undefined)).rejects.toMatchObject({
      name: 'UserError',
      message: 'The daemon of the Nix store cannot be started: error: the store is on the moon',
    });
  });
});
