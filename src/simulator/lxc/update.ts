import { amount, type Call, text } from '../call.ts';
import { changing, DIGEST, demandDigest, demandUnlocked } from '../change.ts';
import { failure, parameterError } from '../errors.ts';
import { addUnused, type Config, type Guest, isUnusedKey } from '../guest.ts';
import { ruleOf, rulesOf } from '../parameters/table.ts';
import { silently } from '../qemu/disks.ts';
import { requireBridges } from '../qemu/options.ts';
import { demandTags } from '../tag-policy.ts';
import type { World } from '../world.ts';
import { demandHarmless, isMountKey, optionKeys, requireOptions, requireStorages, storedOptions } from './options.ts';
import { mountVolume, tidyUnused, volumeOf } from './volumes.ts';

/** `PUT config` of a container: a change that a running container cannot take waits for a stop. */
export async function updateContainer(call: Call): Promise<null> {
  const guest = guestOf(call);
  const list = (name: string) =>
    text(call, name)
      .split(/[,;\s]+/)
      .filter((key) => key !== '');
  const [keys, deletes, reverts] = [optionKeys(call), list('delete'), list('revert')];
  const rules = rulesOf('@ct', call.world.version.table);
  const unknown = [...deletes, ...reverts].find((key) => rules === undefined || ruleOf(rules, key) === undefined);
  if (unknown !== undefined) throw parameterError({ delete: `unknown option '${unknown}'` });
  if (deletes.includes('rootfs')) throw failure("unable to delete required option 'rootfs'");
  if (keys.includes('unprivileged')) throw failure("unable to modify read-only option: 'unprivileged'");
  demandHarmless(call);
  requireOptions(call, guest.vmid, [...keys, ...deletes, ...reverts]);
  requireStorages(call, keys);
  requireBridges(
    call,
    keys.filter((key) => /^net\d/.test(key)).map((key) => text(call, key)),
  );
  const options = storedOptions(call, keys);
  if (keys.includes('tags') || deletes.includes('tags')) {
    demandTags(call, String(guest.config['tags'] ?? ''), String(options['tags'] ?? ''));
  }
  await changing(
    call.world,
    guest.vmid,
    () => apply(call, guestOf(call), { keys, deletes, reverts, options }),
    undefined,
    'lxc',
  );
  return null;
}

interface Update {
  readonly keys: readonly string[];
  readonly deletes: readonly string[];
  readonly reverts: readonly string[];
  readonly options: Config;
}

function guestOf(call: Call): Guest {
  return call.world.guest('lxc', text(call, 'node'), amount(call, 'vmid'));
}

function apply(call: Call, guest: Guest, update: Update): void {
  const { world } = call;
  demandDigest(world, guest, call.given.get('digest'), DIGEST);
  demandUnlocked(guest);
  const isProtected = guest.config['protection'] === 1;
  const touched = [...update.keys, ...update.deletes].find((key) => isMountKey(key) || isUnusedKey(key));
  if (isProtected && touched !== undefined) {
    throw failure(`can't update CT ${guest.vmid} drive '${touched}' - protection mode enabled`);
  }
  for (const key of update.reverts) {
    delete guest.pending[key];
    guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  }
  for (const key of update.deletes) remove(world, guest, key);
  const mounts: Config = {};
  for (const key of update.keys.filter(isMountKey)) mounts[key] = mounted(call, guest, key);
  Object.assign(guest.pending, update.options, mounts);
  if (guest.startedAt === undefined) applyPending(world, guest);
  else takeAtOnce(guest);
}

/** A size as `rootfs` of an existing container is stored as it is, and breaks it (9.2.11). */
function mounted(call: Call, guest: Guest, key: string): string {
  const value = text(call, key);
  if (key === 'rootfs' && /^[^:]+:[\d.]+(,|$)/.test(value)) return value;
  return mountVolume(call.world, guest.vmid, key, value, silently());
}

function remove(world: World, guest: Guest, key: string): void {
  const value = guest.config[key];
  delete guest.pending[key];
  if (value === undefined) return;
  if (isUnusedKey(key)) {
    world.storages.remove(volumeOf(value));
    delete guest.config[key];
  } else if (guest.startedAt === undefined || AT_ONCE.test(key)) applyDelete(world, guest, key);
  else if (!guest.pendingDelete.includes(key)) guest.pendingDelete.push(key);
}

const AT_ONCE =
  /^(tags|description|onboot|startup|protection|hostname|memory|swap|cores|cpulimit|cpuunits|nameserver|searchdomain|net\d+|mp\d+|hookscript)$/;

function takeAtOnce(guest: Guest): void {
  for (const [key, value] of Object.entries(guest.pending)) {
    const waits = !AT_ONCE.test(key) || (isMountKey(key) && guest.config[key] !== undefined);
    if (waits && guest.config[key] !== value) continue;
    delete guest.pending[key];
    guest.config[key] = value;
  }
}

/** Applies the pending changes. A root that is replaced drops out of the configuration, unless the same change lists it as unused. */
export function applyPending(world: World, guest: Guest): void {
  for (const key of guest.pendingDelete.splice(0)) applyDelete(world, guest, key);
  Object.assign(guest.config, guest.pending);
  guest.pending = {};
  tidyUnused(guest.config);
}

/** Removes a key for good; the volume of a mount point is kept as unused. */
export function applyDelete(world: World, guest: Guest, key: string): void {
  const value = guest.config[key];
  delete guest.config[key];
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (value === undefined || !isMountKey(key)) return;
  const volid = volumeOf(value);
  const isUsed = Object.keys(guest.config).some((one) => isMountKey(one) && volumeOf(guest.config[one]) === volid);
  if (!isUsed && world.storages.volume(volid) !== undefined) addUnused(guest.config, volid);
}
