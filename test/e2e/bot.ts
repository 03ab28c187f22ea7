// The bot as a process of its own, for tests that kill it: `bot.ts DIR SIMULATOR_URL [dies]`. With `dies` the first
// evaluation of each life ends the process. Everything but the parts below is as `proxnix start` has it.
import path from 'node:path';
import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { findNix } from '../../src/demo/private-store.ts';
import { RecordedBuilder } from '../../src/demo/recorded-builder.ts';
import { quickHealth } from '../../src/demo/start-demo.ts';
import { demoSeed } from '../../src/simulator/simulator.ts';

const [dir = '', url = '', dies = ''] = process.argv.slice(2);

class DyingBuilder extends RecordedBuilder {
  override evaluateFleet(): Promise<never> {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  }
}

const [token] = demoSeed().tokens;
const nix = await findNix(dir).catch(() => ({ why: 'Nix is not installed' }));
const config = loadConfig(
  {
    PROXMOX_URL: url,
    PROXMOX_TOKEN_ID: token?.tokenid,
    PROXMOX_TOKEN_SECRET: token?.secret,
    GIT_URL: path.join(dir, 'origin.git'),
    WEBHOOKS: 'off',
    POLL_INTERVAL: '1h',
    HTTP_PORT: '0',
    APPROVERS: 'console:owner',
    STATE_DIR: path.join(dir, 'state'),
  },
  () => '',
);
const app = await startApp(config, {
  ...(dies === 'dies'
    ? { builder: new DyingBuilder({ dir: path.join(dir, 'recorded') }) }
    : 'options' in nix
      ? { nix: nix.options }
      : { builder: new RecordedBuilder({ dir: path.join(dir, 'recorded') }) }),
  health: quickHealth,
  proxmox: { timeouts: { pollMs: [50], logMs: 100, pauseMs: 300, startMs: 1000 } },
});
console.log(`listening ${app.url}`);
