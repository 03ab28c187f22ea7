import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The top of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Run by Vitest before all tests: programs that tests start are JavaScript in `dist/`. */
export async function setup(): Promise<void> {
  await execa(process.execPath, [path.join(root, 'src/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The compiled form of a TypeScript file beside a test: `compiled(import.meta.url, 'bot.ts')`. */
export function compiled(from: string, name: string): string {
  const source = path.relative(root, fileURLToPath(new URL(name, from)));
  const file = path.join(root, 'dist', source.replace(/\.ts$/, '.js'));
  if (!existsSync(file)) throw new Error(`${source} is not compiled`);
  return file;
}
