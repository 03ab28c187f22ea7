import { userOf } from '../../cluster/proxmox/errors.ts';
import { shellWord } from '../../lib/text.ts';

/** One right of Proxmox VE. */
export interface Privilege {
  readonly name: string;
  /** The function that needs it; absent: every function needs it. */
  readonly onlyFor?: string;
}

/** Rights on one path, carried by one role. */
export interface Grant {
  readonly path: string;
  readonly role: string;
  readonly privileges: readonly Privilege[];
}

/** The purpose of the token. */
export interface Wanted {
  /** The major version of Proxmox VE. Version 8 has another agent privilege and refuses unknown names. */
  readonly major: number;
  /** Rights on this pool instead of on all guests. */
  readonly pool?: string | undefined;
  readonly imageStorage: string;
  readonly targetStorages: readonly string[];
  readonly bridges: readonly string[];
  /** Where guests are backed up to before changes. */
  readonly backupStorages?: readonly string[];
  /** Whether the start order of a VM is set. */
  readonly startup?: boolean;
  /** Pools that guests are moved to. */
  readonly pools?: readonly string[];
  /** Resource mappings of devices: `pci/gpu`. */
  readonly mappings?: readonly string[];
}

const guestPrivileges: readonly Privilege[] = [
  { name: 'VM.Allocate' },
  { name: 'VM.Audit' },
  { name: 'VM.Config.CPU' },
  { name: 'VM.Config.Disk' },
  { name: 'VM.Config.HWType' },
  { name: 'VM.Config.Memory' },
  { name: 'VM.Config.Network' },
  { name: 'VM.Config.Options' },
  { name: 'VM.Config.Cloudinit', onlyFor: 'cloud-init drives of VMs that are there already' },
  { name: 'VM.Config.CDROM', onlyFor: 'cloud-init drives of VMs that are there already' },
  { name: 'VM.PowerMgmt' },
];

/**
 * Every right the bot uses and no more, found by granting exactly what each 403 of Proxmox VE 8.4.1 and 9.2.11 asked
 * for.
 */
export function grantsFor({
  major,
  pool,
  imageStorage,
  targetStorages,
  bridges,
  backupStorages = [],
  startup = false,
  pools = [],
  mappings = [],
}: Wanted): readonly Grant[] {
  const agent = { name: major < 9 ? 'VM.Monitor' : 'VM.GuestAgent.Audit' };
  return [
    {
      path: pool === undefined ? '/vms' : `/pool/${pool}`,
      role: 'ProxnixVM',
      privileges: [
        ...guestPrivileges,
        agent,
        ...(backupStorages.length === 0 ? [] : [{ name: 'VM.Backup', onlyFor: 'backups before changes' }]),
      ],
    },
    ...[...new Set([...targetStorages, ...backupStorages])].map((storage) => ({
      path: `/storage/${storage}`,
      role: 'ProxnixDisk',
      privileges: [{ name: 'Datastore.AllocateSpace' }, { name: 'Datastore.Audit' }],
    })),
    {
      path: `/storage/${imageStorage}`,
      role: 'ProxnixImages',
      privileges: [
        { name: 'Datastore.AllocateTemplate' },
        { name: 'Datastore.Audit' },
        { name: 'Datastore.Allocate', onlyFor: 'deleting images that no guest uses any more' },
      ],
    },
    ...[...new Set(bridges)].map((bridge) => ({
      path: `/sdn/zones/localnetwork/${bridge}`,
      role: 'ProxnixNet',
      privileges: [{ name: 'SDN.Use' }],
    })),
    // Any other option of a VM is free beside it; of a container the start order is, too (PVE 9.2).
    ...(startup ? [{ path: '/', role: 'ProxnixStartup', privileges: [{ name: 'Sys.Modify' }] }] : []),
    ...pools
      .filter((name) => name !== pool)
      .map((name) => ({
        path: `/pool/${name}`,
        role: 'ProxnixPool',
        privileges: [{ name: 'Pool.Allocate' }, { name: 'Pool.Audit' }],
      })),
    ...mappings.map((name) => ({
      path: `/mapping/${name}`,
      role: 'ProxnixDevices',
      privileges: [{ name: 'Mapping.Use' }],
    })),
    {
      path: '/nodes',
      role: 'ProxnixNodes',
      privileges: [{ name: 'Sys.Audit', onlyFor: 'placing a new guest on the node with the most free memory' }],
    },
  ];
}

/** The commands that create the roles, each once. */
export function roleLines(grants: readonly Grant[]): readonly string[] {
  const roles = new Map(grants.map((grant) => [grant.role, grant.privileges]));
  return [...roles].map(
    ([role, privileges]) => `pveum role add ${role} --privs ${shellWord(namesOf(privileges).join(' '))}`,
  );
}

/** The commands that grant rights to the token and to its user, because a token has no right that its user lacks. */
export function aclLines({ path, role }: Grant, tokenId: string): readonly string[] {
  const user = userOf(tokenId);
  const modify = `pveum acl modify ${shellWord(path)} --roles ${role}`;
  return [`${modify} --users ${shellWord(user)}`, `${modify} --tokens ${shellWord(tokenId)}`];
}

/** One command that adds missing rights, whether or not the role and the ACL already exist. */
export function mendLine(grant: Grant, missing: readonly Privilege[], tokenId: string): string {
  const add = `pveum role add ${grant.role} 2>/dev/null`;
  const append = `pveum role modify ${grant.role} --append 1 --privs ${shellWord(namesOf(missing).join(' '))}`;
  return [add, append, ...aclLines(grant, tokenId)].join('; ');
}

function namesOf(privileges: readonly Privilege[]): readonly string[] {
  return privileges.map(({ name }) => name);
}
