import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';

/** Programs that stand in front of the real ones and write down what they are called with. */
export interface Spy {
  /** Every argument list so far, also of what git itself starts, as text. */
  calls(): Promise<string>;
  /** The programs are found as before. */
  leave(): void;
}

/**
 * Puts them first in the PATH of this process, which the bot's own look-ups follow. What is called in the folder `but`
 * is not written down: there somebody works who is not the bot.
 */
export async function spyOn(dir: string, programs: readonly string[], but: string): Promise<Spy> {
  const folder = path.join(dir, 'spies');
  const [argv, trace] = [path.join(dir, 'argv.log'), path.join(dir, 'trace.log')];
  await mkdir(folder, { recursive: true });
  for (const program of programs) {
    const { stdout: real } = await execa('sh', ['-c', `command -v ${program}`]);
    const file = path.join(folder, program);
    // GIT_TRACE tells the argument lists of git's own children, such as git-remote-http.
    const script = [
      '#!/bin/sh',
      `if [ "$PWD" != '${but}' ]; then`,
      `  for word in ${program} "$@"; do printf '%s\\n' "$word"; done >>'${argv}'`,
      ...(program === 'git' ? [`  export GIT_TRACE='${trace}'`] : []),
      'fi',
      `exec '${real}' "$@"`,
    ];
    await writeFile(file, `${script.join('\n')}\n`);
    await chmod(file, 0o755);
  }
  const before = process.env['PATH'] ?? '';
  process.env['PATH'] = `${folder}${path.delimiter}${before}`;
  return {
    calls: async () =>
      (await Promise.all([argv, trace].map((file) => readFile(file, 'utf8').catch(() => '')))).join('\n'),
    leave: () => {
      process.env['PATH'] = before;
    },
  };
}
