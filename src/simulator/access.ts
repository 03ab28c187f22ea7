import { ApiError, forbidden } from './errors.ts';
import type { SeedToken } from './seed.ts';
import type { Refusal, Version } from './version.ts';

/** The caller. `user` is the part before `!`, `token` the part after it. */
export interface Caller {
  readonly tokenid: string;
  readonly user: string;
  readonly token: string;
  readonly privileges: Readonly<Record<string, readonly string[]>>;
}

/** The members of pools, which privileges on /vms/ID depend on. */
export type PoolOf = (vmid: number) => string | undefined;

/** `all`: each of them is needed; `any`: one is enough. */
export type Need = { readonly all: readonly string[] } | { readonly any: readonly string[] };

/** Reads the Authorization header. Throws a 401, which has no body. */
export function authenticate(
  header: string | undefined,
  tokens: readonly SeedToken[],
  version: Version,
  now: number,
): Caller {
  const refuse = (refusal: Refusal): ApiError => new ApiError(401, version.reason(refusal), { body: 'none' });
  // A space in place of the first "=" is accepted too (9.2.11). What follows is percent-decoded and ends at a ";"
  // (PVE::APIServer::Formatter, extract_auth_value).
  const credentials = /^PVEAPIToken[= ]([^;]*)/.exec(header ?? '')?.[1];
  if (credentials === undefined) throw refuse({ kind: 'no-header' });
  const [, user, token, secret] = /^(.+)!([^=!]+)=(.*)$/.exec(unescaped(credentials)) ?? [];
  if (user === undefined || token === undefined) throw refuse({ kind: 'no-tokenid' });
  if (!tokens.some((one) => one.tokenid.startsWith(`${user}!`))) {
    throw refuse({ kind: 'unknown-user', tokenid: `${user}!${token}` });
  }
  const found = tokens.find((one) => one.tokenid === `${user}!${token}`);
  if (found === undefined) throw refuse({ kind: 'unknown-token', token, user });
  if (found.expire !== undefined && found.expire > 0 && found.expire < now) throw refuse({ kind: 'expired', token });
  if (found.secret !== secret) throw refuse({ kind: 'wrong-secret' });
  return { tokenid: found.tokenid, user, token, privileges: found.privileges };
}

/** Perl's uri_unescape: what is no escape stays. */
function unescaped(text: string): string {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * The privileges on a path: those of the nearest path that has any, and on /vms/ID also those of the guest's pool.
 * The number tells whether they are inherited by deeper paths; those of a pool are not.
 */
export function privilegesOn(caller: Caller, path: string, poolOf: PoolOf): ReadonlyMap<string, 0 | 1> {
  const found = new Map<string, 0 | 1>();
  const vmid = /^\/vms\/(\d+)$/.exec(path)?.[1];
  const pool = vmid === undefined ? undefined : poolOf(Number(vmid));
  if (pool !== undefined) for (const one of granted(caller, `/pool/${pool}`)) found.set(one, 0);
  for (const one of granted(caller, path)) found.set(one, 1);
  return found;
}

/** Whether the caller has the needed privileges on a path. */
export function isAllowed(caller: Caller, path: string, need: Need, poolOf: PoolOf): boolean {
  const has = privilegesOn(caller, path, poolOf);
  return 'all' in need ? need.all.every((one) => has.has(one)) : need.any.some((one) => has.has(one));
}

/** Throws the 403 that names the path and the first missing privilege, or the choice of them. */
export function demand(caller: Caller, path: string, need: Need, poolOf: PoolOf): void {
  if (isAllowed(caller, path, need, poolOf)) return;
  if ('any' in need) throw forbidden(`${path}, ${need.any.join('|')}`);
  const has = privilegesOn(caller, path, poolOf);
  throw forbidden(`${path}, ${need.all.find((one) => !has.has(one)) ?? ''}`);
}

function granted(caller: Caller, path: string): readonly string[] {
  for (let at = path; ; at = at.replace(/\/[^/]*$/, '')) {
    const here = caller.privileges[at === '' ? '/' : at];
    if (here !== undefined) return here.includes('*') ? ALL_PRIVILEGES : here;
    if (at === '' || at === '/') return [];
  }
}

const ALL_PRIVILEGES = [
  ...['Datastore.Allocate', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate', 'Datastore.Audit'],
  ...['Group.Allocate', 'Mapping.Audit', 'Mapping.Modify', 'Mapping.Use', 'Permissions.Modify'],
  ...['Pool.Allocate', 'Pool.Audit', 'Realm.Allocate', 'Realm.AllocateUser', 'SDN.Allocate', 'SDN.Audit', 'SDN.Use'],
  ...['Sys.AccessNetwork', 'Sys.Audit', 'Sys.Console', 'Sys.Incoming', 'Sys.Modify', 'Sys.PowerMgmt', 'Sys.Syslog'],
  ...['User.Modify', 'VM.Allocate', 'VM.Audit', 'VM.Backup', 'VM.Clone', 'VM.Config.CDROM', 'VM.Config.CPU'],
  ...['VM.Config.Cloudinit', 'VM.Config.Disk', 'VM.Config.HWType', 'VM.Config.Memory', 'VM.Config.Network'],
  ...['VM.Config.Options', 'VM.Console', 'VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted', 'VM.Migrate'],
  ...['VM.Monitor', 'VM.PowerMgmt', 'VM.Snapshot', 'VM.Snapshot.Rollback'],
];
