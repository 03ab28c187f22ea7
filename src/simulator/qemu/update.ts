import { amount, type Call, flag, text } from '../call.ts';
import { changing, demandDigest, demandUnlocked, VM_DIGEST } from '../change.ts';
import { randomHex, randomMac } from '../clock.ts';
import { failure, parameterError } from '../errors.ts';
import { addUnused, type Config, type Guest, isUnusedKey, mergedConfig, normaliseTags, volidOf } from '../guest.ts';
import { bootOrder } from '../guest-status.ts';
import { parsePropertyString, printPropertyString } from '../parameters/check.ts';
import { ruleOf, rulesOf } from '../parameters/table.ts';
import { demandTags } from '../tag-policy.ts';
import type { TaskHandle } from '../tasks.ts';
import type { World } from '../world.ts';
import { demandKeys } from './cloudinit.ts';
import { allocateDrives, engage, isCdrom, isCloudinit, retire, silently } from './disks.ts';
import { isDriveKey, NO_OPTIONS, requireBridges, requireOptions, requireStorages, rootOnlyError } from './options.ts';
import { applyPending, hotplug, printBoot, tidyPending } from './pending.ts';
import { demandUnusedInSnapshots } from './snapshot.ts';

interface Update {
  readonly keys: readonly string[];
  readonly deletes: readonly string[];
  readonly reverts: readonly string[];
  readonly drives: ReadonlyMap<string, string>;
  readonly options: Config;
}

/** `PUT config`: answers when it is done. A 400 with "hotplug problem" is stored as pending all the same. */
export async function updateVm(call: Call): Promise<null> {
  const guest = guestOf(call);
  const update = read(call, guest);
  if (call.world.version.checksLockBeforeWaiting) demandUnlocked(guest);
  await changing(call.world, guest.vmid, () => apply(call, guestOf(call), update, silently()));
  return null;
}

/** `POST config`: the same in a task, which is the way for imports. */
export function updateVmInTask(call: Call): string {
  const { world, caller } = call;
  const guest = guestOf(call);
  const update = read(call, guest);
  demandUnlocked(guest);
  const id = String(guest.vmid);
  return world.tasks.start({ node: guest.node, type: 'qmconfig', id, caller }, async (task) => {
    const shown = update.keys.toSorted().map((key) => ` -${key} ${text(call, key)}`);
    const removed = update.deletes.length === 0 ? '' : ` -delete ${update.deletes.join(',')}`;
    task.log(`update VM ${id}:${removed}${shown.join('')}`);
    await changing(world, guest.vmid, () => apply(call, guestOf(call), update, task), task);
  });
}

function guestOf(call: Call): Guest {
  return call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
}

/** Everything that is refused before the lock is taken. */
function read(call: Call, guest: Guest): Update {
  const list = (name: string) =>
    text(call, name)
      .split(/[,;\s]+/)
      .filter((key) => key !== '');
  const keys = [...call.given.keys()].filter((key) => !NO_OPTIONS.has(key));
  const [deletes, reverts] = [list('delete'), list('revert')];
  if (flag(call, 'skiplock')) throw rootOnlyError('skiplock');
  if (keys.length === 0 && deletes.length === 0 && reverts.length === 0) throw failure('no options specified');
  const rules = rulesOf('@vm', call.world.version.table);
  for (const [name, names] of [
    ['delete', deletes],
    ['revert', reverts],
  ] as const) {
    const unknown = names.find((key) => rules === undefined || ruleOf(rules, key) === undefined);
    if (unknown !== undefined) throw parameterError({ [name]: `unknown option '${unknown}'` });
  }
  const both = deletes.find((key) => call.given.has(key));
  if (both !== undefined)
    throw parameterError({ delete: `you can't use '-${both}' and -delete ${both}' at the same time` });
  demandScript(call);
  const drives = drivesOf(call, keys);
  requireStorages(call, drives);
  requireOptions(call, guest.vmid, [...deletes, ...reverts], { config: mergedConfig(guest), isNew: false });
  requireOptions(call, guest.vmid, keys, { isNew: false });
  const cards = [...keys, ...deletes].filter((key) => /^net\d+$/.test(key));
  requireBridges(call, [
    ...cards.map((key) => String(guest.config[key] ?? '')),
    ...cards.map((key) => text(call, key)),
  ]);
  const options = optionsOf(
    call,
    keys.filter((key) => !isDriveKey(key)),
  );
  if (options['tags'] !== undefined) options['tags'] = normaliseTags(String(options['tags']), call.world.tagStyle);
  if (options['tags'] !== undefined || deletes.includes('tags')) {
    demandTags(call, String(guest.config['tags'] ?? ''), String(options['tags'] ?? ''));
  }
  demandBalloon(guest, options);
  hidePassword(call.world, options);
  return { keys, deletes, reverts, drives, options };
}

/** Whether the script is there is asked before the right to set one. */
function demandScript(call: Call): void {
  const script = call.given.get('hookscript');
  if (script === undefined || call.world.storages.volume(script) !== undefined) return;
  throw parameterError({ hookscript: `script '${script}' does not exist\n` });
}

/** A change keeps a password as its hash, a create as it is (9.2.11). The hash is as long as a real one, and no more. */
function hidePassword({ clock }: World, options: Config): void {
  const password = options['cipassword'];
  if (password === undefined || /^\s*$|^\$\d\$/.test(String(password))) return;
  options['cipassword'] = `$5$${randomHex(clock.random, 8)}$${randomHex(clock.random, 43)}`;
}

function demandBalloon(guest: Guest, options: Config): void {
  if (options['memory'] === undefined && options['balloon'] === undefined) return;
  const { memory = 512, balloon = 0 } = { ...guest.config, ...guest.pending, ...options };
  if (Number(balloon) <= Number(String(memory).replace(/^current=/, ''))) return;
  throw failure('balloon value too large (must be smaller than assigned memory)');
}

async function apply(call: Call, guest: Guest, update: Update, task: TaskHandle): Promise<void> {
  const { world } = call;
  demandDigest(world, guest, call.given.get('digest'), VM_DIGEST);
  demandUnlocked(guest);
  const { node, vmid } = guest;
  world.demandQuorum(`unable to open file '/etc/pve/nodes/${node}/qemu-server/${vmid}.conf.tmp.1' - Permission denied`);
  for (const key of update.reverts) revert(guest, key);
  for (const key of update.deletes) remove(call, guest, key);
  shortenBoot(guest, update.deletes);
  await take(call, guest, update, task);
  tidyPending(guest);
  if (guest.startedAt === undefined) return applyPending(world, guest);
  const errors = await hotplug(world, guest);
  if (Object.keys(errors).length > 0) throw parameterError(errors);
}

/** Drops a pending value; a disk that waited for the slot is unused again. */
function revert(guest: Guest, key: string): void {
  const value = guest.pending[key];
  delete guest.pending[key];
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (value === undefined || !isDriveKey(key) || isCdrom(value)) return;
  if (volidOf(guest.config[key]) !== volidOf(value)) addUnused(guest.config, volidOf(value));
}

function remove(call: Call, guest: Guest, key: string): void {
  const value = guest.config[key];
  const isProtected = guest.config['protection'] === 1;
  if (isUnusedKey(key) && value !== undefined) {
    const volid = volidOf(value);
    if (isProtected) throw failure(`can't remove unused disk '${volid}' - protection mode enabled`);
    demandUnusedInSnapshots(guest, volid);
    call.world.storages.remove(volid);
    delete guest.config[key];
    return;
  }
  if (isDriveKey(key) && value !== undefined && isProtected) {
    throw failure(`can't remove drive '${key}' - protection mode enabled`);
  }
  const waiting = guest.pending[key];
  delete guest.pending[key];
  if (value === undefined && waiting !== undefined && isDriveKey(key)) retire(call.world, guest.config, waiting);
  if (value !== undefined && !guest.pendingDelete.includes(key)) guest.pendingDelete.push(key);
}

/**
 * The request itself takes deleted devices out of the boot order, as the present configuration has it: an order that
 * waits is lost, and a deletion that is refused or reverted leaves the shorter order behind (9.2.11).
 */
function shortenBoot(guest: Guest, deletes: readonly string[]): void {
  const order = bootOrder(guest.config);
  const rest = order.filter((key) => !deletes.includes(key));
  if (rest.length < order.length) guest.pending['boot'] = printBoot(rest);
}

async function take(call: Call, guest: Guest, update: Update, task: TaskHandle): Promise<void> {
  const { world } = call;
  for (const [key, value] of update.drives) {
    const attached = Object.keys(guest.config).find((one) => isDriveKey(one) && isCloudinit(guest.config[one]));
    if (isCloudinit(value) && attached !== undefined && attached !== key) {
      throw failure(`${key} - cloud-init drive is already attached at '${attached}'`);
    }
  }
  const drives = await allocateDrives(world, guest.vmid, update.drives, task);
  for (const [key, value] of Object.entries(drives)) {
    const waiting = guest.pending[key];
    // A disk that waited for the slot and is overtaken is unused again (qemu-server, update_vm_api).
    if (waiting !== undefined && volidOf(waiting) !== volidOf(value)) retire(world, guest.config, waiting);
    engage(guest.config, value);
    if (isCdrom(value) && !isCloudinit(value)) appendToBoot(guest, key);
  }
  const change = { ...update.options, ...drives };
  if (change['boot'] !== undefined) demandBootDevices({ ...mergedConfig(guest), ...change });
  for (const key of Object.keys(change)) guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  Object.assign(guest.pending, change);
}

/** A CD that is added later becomes the last device to boot from. */
function appendToBoot(guest: Guest, key: string): void {
  const order = bootOrder(mergedConfig(guest));
  if (order.length > 0 && !order.includes(key)) guest.pending['boot'] = printBoot([...order, key]);
}

function demandBootDevices(config: Config): void {
  const missing = bootOrder(config).find((key) => config[key] === undefined);
  if (missing !== undefined) throw failure(`invalid bootorder: device '${missing}' does not exist'`);
}

/** The drives among the parameters. */
export function drivesOf(call: Call, keys: readonly string[]): Map<string, string> {
  return new Map(keys.filter(isDriveKey).map((key) => [key, text(call, key)]));
}

/**
 * The other options as they are stored: numbers where the API answers numbers, cards with a MAC address, one space for an
 * empty text. Empty `sshkeys` are dropped; an empty description takes the present one away.
 */
export function optionsOf(call: Call, keys: readonly string[]): Config {
  const rules = rulesOf('@vm', call.world.version.table);
  const config: Config = {};
  for (const key of keys) {
    const type = (rules && ruleOf(rules, key))?.type;
    const value = text(call, key);
    if (key === 'sshkeys') demandKeys(value);
    if (key === 'sshkeys' && value === '') continue;
    config[key] = type === 'integer' || type === 'boolean' ? Number(value) : storedText(call.world, key, value);
  }
  return config;
}

function storedText(world: World, key: string, value: string): string {
  if (/^net\d+$/.test(key)) return storedCard(world, value);
  // parse_vm_config of 9.2 cuts what Perl takes for white space, which U+FEFF is not.
  if (key === 'description') return value.replace(/(?:(?!\ufeff)[\s\u0085])+$/, '');
  return value === '' ? ' ' : value;
}

/** A network card as it is stored; one without a MAC address gets a new one. */
function storedCard(world: World, value: string): string {
  const rules = rulesOf('net', world.version.table) ?? new Map();
  const values = new Map(parsePropertyString(value, rules).values);
  const mac = values.get('macaddr') ?? randomMac(world.clock.random, world.macPrefix);
  return printPropertyString(values.set('macaddr', mac), rules);
}
