import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { unlockAdvice, unprotectAdvice } from '../../core/guest-ref.ts';
import { cut } from '../../lib/text.ts';

/** A call as errors name it, without its parameters, which may hold secrets. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
}

/** An answer of the API that is no success. `text` is the body as it came. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
}

/** The path for people: without UPIDs, which are percent-encoded and unreadable. */
function nameOf({ method, path }: Call): string {
  return `${method} ${path.replace(/UPID%3A[^/]+/, '{upid}')}`;
}

/** A refusal of Proxmox VE: `POST /nodes/pve1/qemu: 500 unable to create VM 820 - VM 820 already exists on node 'pve1'`. */
export class ProxmoxError extends UserError {
  readonly status: number;
  /** Proxmox's own words, without the place in its Perl code. */
  readonly reason: string;
  /** By parameter, for a 400. */
  readonly errors: Readonly<Record<string, string>>;
  readonly method: string;
  readonly path: string;
  /** PVE sends no body at all when a daemon behind the API is down. */
  readonly empty: boolean;

  constructor(call: Call, answer: Answer, tokenId: string) {
    const { reason, errors } = readRefusal(answer);
    const params = Object.entries(errors).map(([name, text]) => `${name}: ${text}`);
    const whole = [reason, ...params].join(' - ');
    const vmid = Number(/\/(?:qemu|lxc)\/(\d+)/.exec(call.path)?.[1] ?? Number.NaN);
    const node = /^\/nodes\/([^/]+)/.exec(call.path)?.[1];
    const next = adviceFor({
      ...{ text: whole, status: answer.status, tokenId },
      ...(vmid > 0 ? { vmid } : {}),
      ...(node === undefined ? {} : { node }),
    });
    super(`${nameOf(call)}: ${answer.status} ${whole}`.trimEnd(), next === undefined ? {} : { next });
    this.status = answer.status;
    this.reason = reason;
    this.errors = errors;
    this.method = call.method;
    this.path = call.path;
    this.empty = answer.text === '';
  }
}

/** A call without an answer. `reached` is false only when the call surely never reached the server. */
export class NoAnswer extends UserError {
  readonly reached: boolean;
  readonly code: string;
  readonly method: string;
  readonly path: string;

  /** @param origin of the API, without a slash at its end */
  constructor(call: Call, origin: string, code: string, reached: boolean, next?: string) {
    super(`Proxmox at ${origin} does not answer (${reasons[code] ?? code}).`, {
      next: next ?? 'Check that the Proxmox API is reachable from the bot.',
    });
    this.code = code;
    this.reached = reached;
    this.method = call.method;
    this.path = call.path;
  }
}

/** The meaning of error codes of Node and of OpenSSL, as text. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  timeout: 'no answer in time',
  redirect: 'it leads to another address',
};

/** The server's certificate is neither pinned nor trusted: nothing was sent. */
export class TlsError extends UserError {}

/** A task ended with something else than `OK` or `WARNINGS: n`. `text` is its exit status. */
export class TaskError extends UserError {
  readonly upid: string;
  readonly text: string;

  constructor(message: string, facts: { upid: string; text: string; details: readonly string[]; next?: string }) {
    super(message, { details: facts.details, ...(facts.next === undefined ? {} : { next: facts.next }) });
    this.upid = facts.upid;
    this.text = facts.text;
  }
}

/**
 * Does the text say that the guest was busy, so that the write did not happen and may be sent again? PVE 8.4 and 9.2.
 */
export function isBusy(text: string): boolean {
  return /can't lock file .{0,500} got timeout|(?:VM|CT) is locked \(|got no worker upid/.test(text);
}

/** There is no guest with that VMID on that node; 8.4 and 9.2. */
export function isMissing(error: unknown): boolean {
  return error instanceof ProxmoxError && /^Configuration file '.*' does not exist$/.test(error.reason);
}

/** `text at /usr/share/perl5/PVE/Storage.pm line 651.` without its end, and not longer than an error may be. */
export function cutLocation(text: string): string {
  return cut(text.trim(), longest).replace(/ at \/usr\/\S{1,200} line \S{1,20}$/, '');
}

/** Bytes of a refusal, and of what it says of one parameter; and of how many parameters. */
const longest = 1000;
const mostParameters = 20;

const Refusal = z.object({ message: z.string().optional(), errors: z.record(z.string(), z.string()).optional() });

function readRefusal({ reason, text }: Answer): { reason: string; errors: Readonly<Record<string, string>> } {
  const refusal = Refusal.safeParse(parseJson(text)).data;
  const plain = refusal === undefined && !text.startsWith('{') ? text : '';
  const words = cutLocation(refusal?.message ?? (reason || plain));
  const named = Object.entries(refusal?.errors ?? {}).slice(0, mostParameters);
  const errors = named.map(([name, value]) => [cut(name, 100), cutLocation(value)] as const);
  return { reason: words, errors: Object.fromEntries(errors) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The facts of a failure that advice depends on. `status` is absent for a failed task. */
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

/** The advice for a refusal of Proxmox; `undefined` when there is none beyond Proxmox's own text. */
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
