// How much a plan costs: its calls to the API, its comparison beside JSON.parse of the same input, and its evaluation with
// the facts of images beside one without. Prints ratios of one run: `npm run bench`.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { fleetExpression, imagesExpression } from '../../src/builder/nix/expression.ts';
import {
  evaluationArguments,
  evaluationEnvironment,
  type NixSettings,
  nixSettings,
} from '../../src/builder/nix/settings.ts';
import { ProxmoxCluster } from '../../src/cluster/proxmox/proxmox.ts';
import { createPlan } from '../../src/core/plan.ts';
import { findNix } from '../../src/demo/private-store.ts';
import { commitFiles, createSampleRepository } from '../../src/demo/repository.ts';
import type { Source } from '../../src/git/git.ts';
import { removeTree } from '../../src/lib/system.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';
import { aGoal, aGuest, aLiveGuest, aState } from '../support/builders.ts';

await callsPerPlan([10, 100, 1000]);
compareWithParsing(10_000);
await compareWithoutFacts(40, 40);

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

/**
 * The CPU of the evaluations of a plan, with the facts of its images and without in turn, in processes as the builder makes
 * them. The sample's images are two derivations each, so that facts weigh more than beside those of a NixOS.
 */
async function compareWithoutFacts(images: number, pairs: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-bench-'));
  try {
    const nix = await findNix(dir);
    if ('why' in nix) return console.log(`the facts of images are not measured: ${nix.why}`);
    const settings = nixSettings({ ...nix.options, dir: join(dir, 'state') });
    const source = await manyImages(dir, nix.system, images);
    const cpuSeconds = async (facts: boolean) => {
      const places = Array.from({ length: images }, (_, index) => ({
        ...{ title: `web${index}`, type: `web${index}`, facts },
        attribute: settings.images.vm.attribute,
      }));
      const batches = Array.from({ length: Math.ceil(images / settings.batchSize) }, (_, index) =>
        places.slice(index * settings.batchSize, (index + 1) * settings.batchSize),
      );
      const expressions = [fleetExpression(source), ...batches.map((batch) => imagesExpression(source, batch, true))];
      return cpuOf(settings, expressions);
    };
    // The first evaluation writes the derivations.
    await cpuSeconds(true);
    const spent = { with: 0, without: 0 };
    for (let pair = 0; pair < pairs; pair++) {
      for (const which of pair % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const))
        spent[which] += await cpuSeconds(which === 'with');
    }
    const ratio = (spent.with / spent.without).toFixed(2);
    console.log(`${images} images: the evaluations of a plan take ${ratio} times the CPU with their facts`);
  } finally {
    await removeTree(dir);
  }
}

/** The sample flake with as many configurations, no two alike. */
async function manyImages(dir: string, system: string, images: number): Promise<Source> {
  const repository = await createSampleRepository(dir, { system });
  const configurations = Array.from({ length: images }, (_, index) => {
    return `web${index}.config = (import ./lib/image.nix { system = "${system}"; }).vm "web${index}" (import ./images/website.nix);`;
  });
  const flake = `{ outputs = { self }: { proxnix.vms = import ./vms.nix; nixosConfigurations = { ${configurations.join(' ')} }; }; }`;
  const rev = await commitFiles(repository, 'Many images', { 'flake.nix': flake });
  return { mirror: repository.origin, ref: 'refs/heads/main', rev };
}

/**
 * The CPU seconds of evaluations one after the other: a shell tells those of all its children in its second line, user and
 * system, in hundredths.
 */
async function cpuOf(settings: NixSettings, expressions: readonly string[]): Promise<number> {
  const names = expressions.map((_, index) => `E${index}`);
  const script = [...names.map((name) => `nix "$@" "$${name}" > /dev/null`), 'times'].join(' && ');
  const { stdout } = await execa('sh', ['-c', script, 'sh', ...evaluationArguments(settings, '').slice(0, -1)], {
    extendEnv: false,
    env: {
      ...evaluationEnvironment(settings),
      ...Object.fromEntries(names.map((name, index) => [name, expressions[index]])),
    },
  });
  const [, children = ''] = stdout.split('\n');
  return Array.from(children.matchAll(/(\d+)m([\d.]+)s/g), ([, minutes, seconds]) => {
    return Number(minutes) * 60 + Number(seconds);
  }).reduce((all, one) => all + one, 0);
}
