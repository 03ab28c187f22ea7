import { amount, type Call, demandRight, may, text } from '../call.ts';
import { parameterError, textOf } from '../errors.ts';
import { Interrupted, Killed, type TaskHandle } from '../tasks.ts';
import { backUpGuest, timeText } from './guest.ts';

/** How long a backup waits for the one before it on its node. */
const JOB_PATIENCE = 10_800_000;

/**
 * `POST /nodes/{node}/vzdump`: what a token may not ask for is refused at once, everything else ends in the task, and every
 * failure of a guest as `job errors`, with the reason in the log alone (9.2.11).
 */
export function backUp(call: Call): string {
  const { world, caller } = call;
  for (const name of ['dumpdir', 'script', 'tmpdir'])
    if (call.given.has(name)) throw parameterError({ [name]: 'Only root may set this option.' });
  if (!call.given.has('vmid')) throw parameterError({ vmid: 'property is missing' });
  for (const name of ['bwlimit', 'ionice', 'performance']) {
    if (call.given.has(name)) demandRight(call, '/', { all: ['Sys.Modify'] });
  }
  const storage = call.given.get('storage');
  if (storage !== undefined) demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
  if (call.given.has('prune-backups')) demandRight(call, `/storage/${storage}`, { all: ['Datastore.Allocate'] });
  if (text(call, 'notes-template').includes('\n')) {
    throw parameterError({ 'notes-template': 'contains a line feed\n' });
  }
  const node = text(call, 'node');
  return world.tasks.start({ node, type: 'vzdump', id: text(call, 'vmid'), caller }, (task) => job(call, node, task));
}

async function job(call: Call, node: string, task: TaskHandle): Promise<void> {
  const { world } = call;
  const storage = targetOf(call);
  task.log(`INFO: starting new backup job: vzdump ${commandOf(call)}`);
  const guest = world.findGuest(amount(call, 'vmid'));
  if (guest !== undefined && guest.node !== node) return task.log(`INFO: skip external VMs: ${guest.vmid}`);
  if (guest !== undefined && !may(call, `/vms/${guest.vmid}`, { all: ['VM.Backup'] })) {
    throw new Error(`403 Permission check failed (/vms/${guest.vmid}, VM.Backup)`);
  }
  const tooLate = () => new Error("can't acquire lock '/var/run/vzdump.lock' - got timeout");
  const onWait = () => task.log('INFO: trying to get global lock - waiting...');
  const lock = -1 - world.seed.nodes.findIndex((one) => one.node === node);
  const options = { patience: JOB_PATIENCE, tooLate, onWait, signal: task.signal };
  await interruptible(world.locks.hold(lock, options, () => single(call, storage, task)));
}

/** What a stopped task says at its end. */
async function interruptible(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw error instanceof Interrupted ? new Error('interrupted by signal') : error;
  }
}

/** Throws what a job with a wrong storage ends with. Without a storage the archive goes to the node's own folder. */
function targetOf({ world, given }: Call): string | undefined {
  const name = given.get('storage');
  if (name === undefined) {
    const own = world.storages.here().find(({ path, content }) => path === '/var/lib/vz' && content.includes('backup'));
    return own?.storage;
  }
  const about = `could not get storage information for '${name}': `;
  const storage = world.storages.find(name);
  if (storage === undefined) {
    const problem = `storage '${name}' does not exist`;
    throw new Error(`could not activate storage '${name}': ${problem} ${about}${problem}`);
  }
  if (storage.content.includes('backup')) return name;
  throw new Error(`${about}can't use storage '${name}' for backups - wrong content type`);
}

function commandOf(call: Call): string {
  const options = [...call.given].filter(([key]) => key !== 'vmid' && key !== 'node');
  const quoted = (value: string) => (/[^\w./:=-]/.test(value) ? `'${value}'` : value);
  return [text(call, 'vmid'), ...options.map(([key, value]) => `--${key} ${quoted(value)}`)].join(' ');
}

async function single(call: Call, storage: string | undefined, task: TaskHandle): Promise<void> {
  const { world } = call;
  const vmid = amount(call, 'vmid');
  const begun = performance.now();
  try {
    const guest = world.findGuest(vmid);
    if (guest === undefined) throw new Error(`unable to find VM '${vmid}'`);
    await backUpGuest(call, guest, storage, task);
    const seconds = Math.round((performance.now() - begun) / 1000 / (world.clock.timeScale || 1));
    task.log(`INFO: Finished Backup of VM ${vmid} (${durationText(seconds)})`);
    task.log(`INFO: Backup finished at ${timeText(world.clock.now())}`);
    task.log('INFO: Backup job finished successfully');
  } catch (error) {
    if (error instanceof Killed) throw error;
    const reason = error instanceof Interrupted ? 'interrupted by signal' : textOf(error);
    task.log(`ERROR: Backup of VM ${vmid} failed - ${reason}`);
    task.log(`INFO: Failed at ${timeText(world.clock.now())}`);
    if (error instanceof Interrupted) throw error;
    task.log('INFO: Backup job finished with errors');
    throw new Error('job errors');
  }
}

/** `GET vzdump/defaults` */
export function backupDefaults(call: Call): unknown {
  const name = call.given.get('storage');
  const storage = name === undefined ? undefined : call.world.storages.find(name);
  return {
    ...{ all: 0, bwlimit: 0, compress: '0', fleecing: { enabled: 0 }, ionice: 7, lockwait: 180, mode: 'snapshot' },
    ...{ mailnotification: 'always', 'notification-mode': 'auto', pigz: 0, quiet: 0, remove: 1, stdexcludes: 1 },
    ...{ stop: 0, stopwait: 10, zstd: 1, 'prune-backups': 'keep-all=1' },
    performance: { 'max-workers': 16, 'pbs-entries-max': 1_048_576 },
    dumpdir: storage === undefined ? '/var/lib/vz/dump' : `${storage.path}/dump`,
    ...(name === undefined ? {} : { storage: name }),
  };
}

function durationText(seconds: number): string {
  const part = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`;
}
