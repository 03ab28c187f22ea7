// How much a plan costs: its calls to the API, and its comparison beside JSON.parse of the same input. Prints ratios of
// one run: `npm run bench`.
import { ProxmoxCluster } from '../../src/cluster/proxmox/proxmox.ts';
import { createPlan } from '../../src/core/plan.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';
import { aGoal, aGuest, aLiveGuest, aState } from '../support/builders.ts';

await callsPerPlan([10, 100, 1000]);
compareWithParsing(10_000);

/** The calls of one look at a cluster with nothing to do, on the simulator with 5 ms a call. */
async function callsPerPlan(sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    let calls = 0;
    const simulator = await startSimulator({
      ...{ seed: demoSeed(), latencyMs: 5, statisticsSeconds: 0 },
      requests: () => {
        calls += 1;
      },
    });
    const seed = demoSeed();
    const [bot, admin] = seed.tokens;
    if (bot === undefined || admin === undefined) throw new Error('the demo cluster has no tokens');
    for (let index = 0; index < size; index++) {
      const vmid = 1000 + index;
      const call = (method: string, path: string, body: Record<string, string>) =>
        fetch(`${simulator.url}/api2/json/nodes/pve1/qemu${path}`, {
          method,
          headers: { authorization: `PVEAPIToken=${admin.tokenid}=${admin.secret}` },
          body: new URLSearchParams(body),
        });
      await call('POST', '', { vmid: String(vmid), name: `vm-${vmid}` });
      await call('PUT', `/${vmid}/config`, { tags: 'proxnix' });
    }
    const cluster = new ProxmoxCluster({
      ...{ url: simulator.url, tokenId: bot.tokenid, secret: bot.secret, imageStorage: 'local' },
    });
    calls = 0;
    await cluster.readState(new Set());
    const first = calls;
    calls = 0;
    const { guests } = await cluster.readState(new Set());
    const perGuest = (calls / guests.length).toFixed(2);
    console.log(`${guests.length} guests: ${calls} calls, ${perGuest} a guest; the first plan of a process ${first}`);
    await cluster.close();
    await simulator.close();
  }
}

/** One comparison of a whole fleet beside JSON.parse of its desired and live state. */
function compareWithParsing(size: number): void {
  const names = Array.from({ length: size }, (_, index) => ({ vmid: 1000 + index, name: `vm-${index}` }));
  const guests = names.map((name, index) => aGuest({ ...name, memoryMb: index % 10 === 0 ? 4096 : 2048 }));
  const live = aState(names.map((name) => aLiveGuest({}, aGuest(name))));
  const goal = aGoal({ guests });
  const text = JSON.stringify({ goal, live });
  const times = (work: () => unknown) =>
    Array.from({ length: 7 }, () => {
      const from = performance.now();
      work();
      return performance.now() - from;
    }).sort((a, b) => a - b)[3] ?? 0;
  const parse = times(() => JSON.parse(text));
  const plan = times(() => createPlan(goal, live));
  console.log(`${size} guests: the plan takes ${(plan / parse).toFixed(1)} times as long as JSON.parse of its input`);
}
