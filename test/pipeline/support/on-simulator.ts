import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Builder } from '../../../src/builder/builder.ts';
import type { Cluster, ImageFile } from '../../../src/cluster/cluster.ts';
import { type GuestKind, imageHash } from '../../../src/core/guest.ts';
import type { StepSpec } from '../../../src/core/steps.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { LossyProxy } from '../../cluster/proxmox/lossy-proxy.ts';
import { openSimulated, seed } from '../../cluster/proxmox/on-simulator.ts';
import { aBench, type Bench, type BenchOptions, type Declared } from '../../support/pipeline.ts';
import { aCt, aVm, present } from './fleet.ts';
import { written } from './several-nodes.ts';

/** A step as the pipeline asks for it, the uploads among them. */
export type Asked = StepSpec | { readonly kind: 'upload' };

/** The pipeline with the real adapter, on a simulated cluster of one node, behind a connection that fails on demand. */
export async function startSimulated(options: { seed?: Seed; bench?: BenchOptions } = {}) {
  const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-simulated-'));
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(options.seed ?? seed(), async (url) => {
    const one = new LossyProxy(url);
    proxies.push(one);
    return one.listen();
  });
  const proxy = present(proxies[0]);
  const asked: Asked[] = [];
  let before: (step: Asked) => Promise<void> = async () => {};
  const cluster = new Proxy<Cluster>(world.cluster, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const step = member === 'perform' ? (args[0] as StepSpec) : { kind: 'upload' as const };
        if (member === 'perform' || member === 'upload') {
          asked.push(step);
          await before(step);
        }
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  const fake = (): Builder => bench.builder;
  const builder: Builder = {
    fetchInputs: (...args) => fake().fetchInputs(...args),
    evaluateFleet: (...args) => fake().evaluateFleet(...args),
    evaluateImages: (...args) => fake().evaluateImages(...args),
    packageVersions: (...args) => fake().packageVersions(...args),
    log: (...args) => fake().log(...args),
    keep: (...args) => fake().keep(...args),
    build: async (...args) => (await fake().build(...args)).map((file) => fileOf(dir, file)),
  };
  const bench: Bench = await aBench({ ...options.bench, fleets: [{ cluster, builder }] });
  onTestFinished(async () => {
    await world.close();
    proxy.close();
    await rm(dir, { recursive: true });
  });
  const { simulator } = world;
  return {
    ...{ bench, world, simulator, proxy, asked },
    /** A commit is pushed, and its plan approved and carried out. */
    deploy: async (n: number, declared: Declared): Promise<void> => {
      await bench.push(n, declared);
      await bench.apply();
      bench.run('applied');
    },
    /** Something happens once, before the first step of a kind. */
    beforeNext: (kind: Asked['kind'], happens: (step: Asked) => Promise<void> | void): void => {
      before = async (step) => {
        if (step.kind !== kind) return;
        before = async () => {};
        await happens(step);
      };
    },
    plan: (): readonly string[] =>
      bench
        .run('planned')
        .plan.changes.map(({ action, vmid, blocked }) => `${action} ${vmid}${blocked ? ` (${blocked.reason})` : ''}`),
    config: (vmid = 823): Readonly<Record<string, string | number | undefined>> =>
      present(simulator.guest(vmid)).config,
    runs: (vmid = 823): boolean => simulator.guest(vmid)?.startedAt !== undefined,
    /** The disks of guests that no configuration names. */
    orphans: (): readonly string[] => {
      const named = simulator
        .guests()
        .flatMap(({ config, pending, snapshots }) =>
          [config, pending, ...Object.values(snapshots).map((one) => one.config)].flatMap((one) =>
            Object.values(one).map((value) => String(value).split(',')[0]),
          ),
        );
      return simulator
        .volumes()
        .filter(({ vmid }) => vmid !== undefined)
        .map(({ volid }) => volid)
        .filter((volid) => !named.includes(volid));
    },
  };
}

export type Simulated = Awaited<ReturnType<typeof startSimulated>>;

/** A fleet of guests of one kind by their keys. */
export function fleetOf(kind: GuestKind, guests: Readonly<Record<string, object>>): Declared {
  const make = kind === 'vm' ? aVm : aCt;
  const all = Object.fromEntries(
    Object.entries(guests).map(([key, change]) => [key, make(change as Readonly<Record<string, unknown>>)]),
  );
  return kind === 'vm' ? { vms: all } : { vms: {}, containers: all };
}

function fileOf(dir: string, file: ImageFile): ImageFile {
  if (file.image.kind === 'vm') return written(dir, file);
  const tarball = path.join(dir, `${imageHash(file.image)}.tar.xz`);
  writeFileSync(tarball, Buffer.alloc(4096, 'x'));
  return { ...file, path: tarball, size: 4096 };
}
