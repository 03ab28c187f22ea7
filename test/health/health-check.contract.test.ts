import { setTimeout } from 'node:timers/promises';
import type { GuestKind } from '../../src/core/guest.ts';
import { createHealth } from '../../src/health/health-check.ts';
import { healthContract, type World } from '../contracts/health.ts';
import { aClock, aNetwork, serve, serveRaw } from './bench.ts';
import { aCluster } from './on-simulator.ts';

healthContract('health over Proxmox VE 9.2 and the network', (kind) => open('9.2.11', kind));
healthContract('health over Proxmox VE 8.4 and the network', (kind) => open('8.4.1', kind));

async function open(version: string, kind: GuestKind): Promise<World> {
  const { simulator, probe } = await aCluster({ version, kind });
  const clock = aClock();
  const page = await serve((_, response) => response.end());
  const servers = { '10.77.0.113:22': await serveRaw('SSH-2.0-OpenSSH_9.9\r\n'), '10.77.0.113:80': page };
  const health = createHealth({
    probe,
    now: clock.now,
    lookup: async () => ['10.77.0.113'],
    connect: aNetwork(servers).connect,
    // The simulator's guests take their time to boot by the clock of this machine, shortened as it is.
    sleep: async (ms) => {
      await clock.sleep(ms);
      await setTimeout(ms * 0.01);
    },
  });
  return {
    health,
    fall: () => simulator.outside({ do: 'power-off', vmid: 823 }),
    hide: () => simulator.outside({ do: 'config-fs-down' }),
    // What was opened ends itself when the test does.
    close: async () => {},
  };
}
