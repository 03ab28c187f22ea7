import { rm } from 'node:fs/promises';
import { execa } from 'execa';

/** Removes a folder with all that is in it, also where folders in it may not be written, as those of a Nix store. */
export async function removeTree(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch {
    await execa('chmod', ['-R', 'u+w', dir], { reject: false });
    await rm(dir, { recursive: true, force: true });
  }
}
