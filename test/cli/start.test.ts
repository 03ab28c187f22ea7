import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { demoSeed } from '../../src/simulator/simulator.ts';
import { anOrigin } from '../git/origin.ts';
import { aSimulator, envFile } from './support/services.ts';

const main = fileURLToPath(new URL('../../src/bin.mjs', import.meta.url));
const [apiToken] = demoSeed().tokens;

/** `proxnix start` as a process of its own, up to the line that says where it is. */
async function started(change: Readonly<Record<string, string>> = {}) {
  const simulator = await aSimulator(demoSeed());
  const { dir, scratch, push } = await anOrigin();
  await push('the first commit');
  const file = envFile(scratch, {
    PROXMOX_URL: simulator.url,
    PROXMOX_TOKEN_ID: apiToken?.tokenid ?? '',
    PROXMOX_TOKEN_SECRET: apiToken?.secret ?? '',
    GIT_URL: dir,
    WEBHOOKS: 'off',
    HTTP_PORT: '0',
    APPROVERS: 'console:owner',
    STATE_DIR: join(scratch, 'state'),
    LOG_LEVEL: 'trace',
    ...change,
  });
  const args = [main, 'start', '--env-file', file];
  const bot = execa(process.execPath, args, { cwd: process.cwd(), all: true, reject: false, timeout: 60_000 });
  onTestFinished(async () => {
    bot.kill('SIGTERM');
    await bot;
  });
  const line = await new Promise<string>((resolve, reject) => {
    let said = '';
    bot.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const found = /^proxnix is running.*(?=\n)/m.exec(said)?.[0];
      if (found !== undefined) resolve(found);
    });
    bot.then(({ all }) => reject(new Error(`the bot ended: ${all}`)), reject);
  });
  const stop = async () => {
    bot.kill('SIGTERM');
    return bot;
  };
  return { line, tokenFile: join(scratch, 'state', 'console-token'), stop };
}

describe('the start', () => {
  it('prints the address of the console with the token it made, which its log never has', async () => {
    const { line, tokenFile, stop } = await started();
    const token = readFileSync(tokenFile, 'utf8').trim();
    const [, url = ''] = /^proxnix is running; the console at (http:\/\/127\.0\.0\.1:\d+)\/\?token=/.exec(line) ?? [];
    expect(line).toBe(`proxnix is running; the console at ${url}/?token=${token}`);
    const opened = await fetch(`${url}/?token=${token}`, { redirect: 'manual' });
    expect([opened.status, opened.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/#/)]);
    const { stderr } = await stop();
    expect(stderr).toContain('http server listens');
    expect(stderr).not.toContain(token);
  });

  it('prints no configured token', async () => {
    const { line } = await started({ CONSOLE_TOKEN: 'a-console-token-of-this-test' });
    expect(line).toMatch(/^proxnix is running; the console at http:\/\/127\.0\.0\.1:\d+$/);
  });
});

it('names a command that there is not, and what may be meant', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [main, 'docter'], { reject: false });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^There is no command "docter", did you mean "?doctor"?\?\nproxnix --help lists the commands\.$/,
  );
});
