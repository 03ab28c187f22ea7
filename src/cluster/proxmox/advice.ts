import { unlockAdvice, unprotectAdvice } from '../../core/lock.ts';

/** What went wrong, as far as advice needs it. `status` is absent for a task that failed. */
export interface Trouble {
  readonly text: string;
  readonly status?: number;
  /** `user@realm!token`, without its secret. */
  readonly tokenId: string;
  readonly vmid?: number;
  /** The node that the call was for. */
  readonly node?: string;
}

const rules: readonly (readonly [RegExp, (found: RegExpExecArray, trouble: Trouble) => string])[] = [
  [
    /Permission check failed \(([^,]{1,200}), ([^)]{1,500})\)/,
    (found, trouble) => grant(found[1] ?? '/', found[2] ?? '', trouble),
  ],
  [/Permission check failed$/, (_, trouble) => grant('/vms', 'VM.Allocate', trouble)],
  [
    /Permission check failed \((.{1,500})\)/,
    (found) => `Proxmox says: ${found[1]}. Check the pool and the roles of the token.`,
  ],
  [/No space left on device/, () => 'Free space on the target storage or choose another `storage_location`.'],
  [
    /does not support 'import' content/,
    () => 'Allow it: `pvesm set <storage> --content import,...` (Proxmox VE 8.4 or newer).',
  ],
  [/does not support vm images/, () => 'Choose a storage that holds VM disks as `storage_location`.'],
  [/does not support 'vztmpl' content/, () => 'Allow it: `pvesm set <storage> --content vztmpl,...`.'],
  [/does not support container directories/, () => 'Choose a storage that holds containers as `storage_location`.'],
  [
    /storage '([^']{1,100})' (does not exist|is disabled)/,
    (found) => `Check the storage's name: \`pvesm status\` lists ${found[1]} when it is there.`,
  ],
  [/(VM|CT) is locked \((\w+)\)/, (found, trouble) => unlock(found[1] ?? '', found[2] ?? '', trouble)],
  [/can't lock file/, () => 'Another task holds the guest: look at its task list in Proxmox and try again.'],
  [/(?:(VM|CT) .{0,200})?protection mode enabled/, (found, trouble) => unprotect(found[1] ?? '', trouble)],
  [/already exists/, () => 'Choose another `vm_id` in the flake, or take the guest over with /proxnix adopt.'],
  [
    /checksum mismatch|detected modified configuration/,
    () => 'Somebody else changed it meanwhile: look at the fresh plan.',
  ],
  [/no quorum|Permission denied$/, () => 'The cluster has no quorum: check `pvecm status` on a node.'],
  [/vcpus allowed per VM/, () => 'Ask for fewer `cores` or `sockets`: the node has no more.'],
  [/bridge '([^']{1,100})' does not exist/, (found) => `Create ${found[1]} on the node or change \`network_bridge\`.`],
  [/delete it.{0,200}snapshots|disk with snapshots/, () => 'Remove the snapshots of the guest first.'],
];

/** What the reader can do about a refusal of Proxmox; `undefined` where its own words must do. */
export function adviceFor(trouble: Trouble): string | undefined {
  for (const [pattern, advice] of rules) {
    const found = pattern.exec(trouble.text);
    if (found !== null) return advice(found, trouble);
  }
  if (trouble.status === 401)
    return `Check the token ${trouble.tokenId}: its id, its secret and that it has not expired.`;
  if (trouble.status === 595) {
    const node = trouble.node === undefined ? 'The node' : `Node ${trouble.node}`;
    return `${node} cannot be reached: check that it is up and its services run, then look at a fresh plan.`;
  }
  if (trouble.status === 596) {
    const node = trouble.node === undefined ? 'The node' : `Node ${trouble.node}`;
    return `${node} did not answer in time, and nothing was repeated: look at a fresh plan.`;
  }
  return undefined;
}

/** The text names a guest or one of its disks. */
function unprotect(label: string, { vmid }: Trouble): string {
  if (vmid === undefined || label === '') return 'Turn its protection off in Proxmox, if that is what you want.';
  return unprotectAdvice({ guestKind: label === 'CT' ? 'container' : 'vm', vmid });
}

function unlock(label: string, lock: string, { vmid }: Trouble): string {
  const at = { guestKind: label === 'CT' ? 'container' : 'vm', vmid: vmid ?? '<vmid>' } as const;
  return `Wait until the ${lock} is done; ${unlockAdvice(at, lock)}.`;
}

/** A privilege-separated token needs the ACL for its user too; `A|B` means that one of them is enough. */
function grant(path: string, privileges: string, { tokenId }: Trouble): string {
  const where = path.replace(/^\/vms\/\d+$/, '/vms');
  const privilege = privileges.split('|')[0] ?? privileges;
  const user = tokenId.split('!')[0];
  return (
    `Grant ${privileges} on ${where} to the token and to its user: \`pveum role add ProxnixMore --privs "${privilege}"\`, ` +
    `\`pveum acl modify ${where} --roles ProxnixMore --tokens '${tokenId}'\` and the same with \`--users ${user}\`.`
  );
}
