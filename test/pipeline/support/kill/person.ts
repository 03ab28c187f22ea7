import { inspect } from 'node:util';
import type { KillWorld } from './world.ts';

/** The newest commit is reported, planned and approved; stops where the bot dies. */
export async function deploy(world: KillWorld): Promise<void> {
  world.bench.report();
  await world.settle();
  await approve(world);
}

/** Approves what is open, with whatever must be typed. */
export async function approve(world: KillWorld): Promise<void> {
  if (!world.isDead && open(world) !== undefined) await world.untilDeath(world.bench.apply());
}

/** Asks to go back, and approves the plan. */
export async function rollback(world: KillWorld, guest: string): Promise<void> {
  await world.untilDeath(world.bench.chat.command(`/proxnix rollback ${guest}`));
  await world.settle();
  await approve(world);
}

/** What a person does after a restart: approves what is open, or plans anew, until all is in sync. */
export async function finish(world: KillWorld): Promise<void> {
  const { bench } = world;
  for (let rounds = 0; rounds < 6; rounds++) {
    if (open(world) !== undefined) await bench.apply();
    else await bench.chat.command('/proxnix plan');
    await bench.settle();
    if (bench.pipeline.runs().at(-1)?.phase === 'in-sync') return;
  }
  const runs = bench.pipeline.runs().map((run) => [run.id, run.phase, 'failure' in run ? run.failure.message : '']);
  const said = bench.logged.filter(({ level }) => level === 'warn' || level === 'error');
  throw new Error(`never in sync: ${JSON.stringify(runs)} ${inspect(said.at(-1))}`);
}

/** Turns down what is open. */
export async function reject(world: KillWorld): Promise<void> {
  const run = open(world);
  if (run !== undefined) await world.bench.chat.command(`/proxnix reject ${run.id}`);
}

function open({ bench }: KillWorld) {
  return bench.pipeline.runs().findLast((run) => run.phase === 'planned');
}
