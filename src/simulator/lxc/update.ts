import { amount, type Call, text } from '../call.ts';
import { changing, DIGEST, demandDigest, demandUnlocked } from '../change.ts';
import { failure, parameterError } from '../errors.ts';
import { addUnused, type Config, type Guest, isUnusedKey } from '../guest.ts';
import { ruleOf, rulesOf } from '../parameters/table.ts';
import { bridgeOf } from '../qemu/cards.ts';
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
  const cards = [...keys, ...deletes].filter((key) => /^net\d+$/.test(key));
  requireBridges(call, [
    ...cards.map((key) => String(guest.config[key] ?? '')),
    ...cards.map((key) => text(call, key)),
  ]);
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
  demandBridges(world, guest, update.options);
  for (const key of update.reverts) {
    delete guest.pending[key];
    guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  }
  for (const key of update.deletes) remove(world, guest, key);
  const mounts = update.keys.filter(isMountKey).map((key) => [key, text(call, key)] as const);
  Object.assign(guest.pending, update.options, Object.fromEntries(mounts));
  for (const key of update.keys) guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (guest.startedAt === undefined) applyPending(world, guest);
  else takeAtOnce(world, guest);
}

/** A card of a running container that cannot be plugged is refused, and nothing of the request is kept (9.2.11). */
function demandBridges(world: World, guest: Guest, options: Config): void {
  if (guest.startedAt === undefined) return;
  for (const [key, value] of Object.entries(options)) {
    if (!/^net\d+$/.test(key) || guest.config[key] === value) continue;
    const { bridge, isThere, lacksUplink } = bridgeOf(world, guest, value);
    if (isThere && !lacksUplink) continue;
    const problem = isThere ? `no physical interface on bridge '${bridge}'` : `bridge '${bridge}' does not exist`;
    throw parameterError({ [key]: `unable to hotplug ${key}: ${problem}\n\n` });
  }
}

function remove(world: World, guest: Guest, key: string): void {
  const value = guest.config[key];
  delete guest.pending[key];
  if (value === undefined) return;
  if (isUnusedKey(key)) {
    world.storages.remove(volumeOf(value));
    delete guest.config[key];
  } else if (guest.startedAt === undefined || (AT_ONCE.test(key) && !isMountKey(key))) applyDelete(world, guest, key);
  else if (!guest.pendingDelete.includes(key)) guest.pendingDelete.push(key);
}

const AT_ONCE =
  /^(tags|description|onboot|startup|protection|hostname|memory|swap|cores|cpulimit|cpuunits|net\d+|mp\d+|hookscript)$/;

function takeAtOnce(world: World, guest: Guest): void {
  for (const [key, value] of Object.entries(guest.pending)) {
    const waits = !AT_ONCE.test(key) || (isMountKey(key) && guest.config[key] !== undefined);
    if (!waits || guest.config[key] === value) applyChange(world, guest, key, value);
  }
}

/**
 * Makes one pending value the configured one. A mount point that asks for a new volume gets it now, not before
 * (PVE::LXC::Config of 9.2), and the volume that it replaces is unused. A size as `rootfs` of an existing container is
 * stored as it is, and breaks it (9.2.11).
 */
function applyChange(world: World, guest: Guest, key: string, value: string | number): void {
  delete guest.pending[key];
  const before = guest.config[key];
  const isLiteral = key === 'rootfs' && /^[^:]+:[\d.]+(,|$)/.test(String(value));
  const isMounted = isMountKey(key) && !isLiteral;
  guest.config[key] = isMounted ? mountVolume(world, guest.vmid, key, String(value), silently()) : value;
  if (before !== undefined && isMountKey(key) && key !== 'rootfs') keepUnused(world, guest, before);
}

/** Applies the pending changes. A root that is replaced drops out of the configuration, unless the same change lists it as unused. */
export function applyPending(world: World, guest: Guest): void {
  for (const key of guest.pendingDelete.splice(0)) applyDelete(world, guest, key);
  for (const [key, value] of Object.entries(guest.pending)) applyChange(world, guest, key, value);
  tidyUnused(guest.config);
}

/** Removes a key for good; the volume of a mount point is kept as unused. */
export function applyDelete(world: World, guest: Guest, key: string): void {
  const value = guest.config[key];
  delete guest.config[key];
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (value !== undefined && isMountKey(key)) keepUnused(world, guest, value);
}

function keepUnused(world: World, guest: Guest, value: string | number): void {
  const volid = volumeOf(value);
  const isUsed = Object.keys(guest.config).some((one) => isMountKey(one) && volumeOf(guest.config[one]) === volid);
  if (!isUsed && world.storages.volume(volid) !== undefined) addUnused(guest.config, volid);
}
