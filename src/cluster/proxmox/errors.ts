import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { unlockAdvice, unprotectAdvice } from '../../core/guest-ref.ts';
import { cut, oneLine, shellWord } from '../../lib/text.ts';

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

/** Whose calls are refused: advice on rights depends on it. */
export interface Caller {
  /** `user@realm!token`, without its secret. */
  readonly tokenId: string;
  /** The pool that the token is for. */
  readonly pool?: string | undefined;
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

  constructor(call: Call, answer: Answer, caller: Caller) {
    const { reason, errors } = readRefusal(answer);
    const params = Object.entries(errors).map(([name, text]) => `${name}: ${text}`);
    const whole = [reason, ...params].join(' - ');
    const vmid = Number(/\/(?:qemu|lxc)\/(\d+)/.exec(call.path)?.[1] ?? Number.NaN);
    const node = /^\/nodes\/([^/]+)/.exec(call.path)?.[1];
    const next = adviceFor({
      ...{ text: whole, status: answer.status, ...caller },
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
  constructor(
    call: Call,
    origin: string,
    code: string,
    reached: boolean,
    told: { readonly message?: string; readonly next?: string } = {},
  ) {
    super(told.message ?? `Proxmox at ${origin} does not answer (${reasons[code] ?? code}).`, {
      next: told.next ?? 'Check that the Proxmox API is reachable from the bot.',
    });
    this.code = code;
    this.reached = reached;
    this.method = call.method;
    this.path = call.path;
  }
}

/** What a server between the bot and the API sent in place of an answer of Proxmox VE. */
export interface StrangeAnswer extends Answer {
  /** The header `Server`, which names the program: `nginx/1.26`. */
  readonly server: string;
  /** The header `Location` of a redirect. */
  readonly location: string;
}

/**
 * Something in front of Proxmox VE answered in its place: a reverse proxy, its page for log-ins or its page for errors.
 * Whether the call reached Proxmox is unknown, because a proxy answers 502 and 504 for calls that it has handed on.
 */
export class ProxyAnswer extends NoAnswer {
  /** @param origin of the API, without a slash at its end */
  constructor(call: Call, origin: string, answer: StrangeAnswer) {
    const { status, location } = answer;
    const code = status >= 300 && status < 400 ? 'redirect' : 'proxy';
    super(call, origin, code, true, {
      message: `${nameOf(call)}: something in front of Proxmox at ${origin} answered in its place: ${saidBy(answer)}.`,
      next: proxyAdvice(status, location, origin),
    });
  }
}

/** `nginx/1.26.0, 502 Bad Gateway, "Just a moment"`. */
function saidBy({ status, reason, server, location, text }: StrangeAnswer): string {
  const [, title = ''] = /<title[^>]{0,100}>([^<]{1,200})/i.exec(text.slice(0, 10_000)) ?? [];
  const said = oneLine(title).trim();
  const name = oneLine(cut(server, 60)).trim();
  return [
    ...(name === '' ? [] : [name]),
    `${status} ${oneLine(cut(reason, 100))}`.trim(),
    ...(said === '' || said.includes(reason) ? [] : [`"${cut(said, 100)}"`]),
    ...(location === '' ? [] : [`to ${oneLine(cut(location, 200))}`]),
  ].join(', ');
}

function proxyAdvice(status: number, location: string, origin: string): string {
  if (location.startsWith(`${origin.replace(/^http:/, 'https:')}/`) && origin.startsWith('http:')) {
    return 'The API wants TLS: write https:// in place of http:// into PROXMOX_URL.';
  }
  const direct = 'or write the address of a node itself into PROXMOX_URL (https://<node>:8006)';
  if (status === 413)
    return `Let the proxy take bodies of the size of an image (nginx: client_max_body_size 0), ${direct}.`;
  if (status >= 500) return `Look whether pveproxy runs on the node and the proxy waits for it long enough, ${direct}.`;
  return `Let the proxy hand on all of /api2/json without a log-in of its own, ${direct}.`;
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
};

/** The server's certificate is neither pinned nor trusted: nothing was sent. */
export class TlsError extends UserError {
  /** Whether the fingerprint is the one that differs, and not the chain. */
  readonly isPin: boolean;

  constructor(message: string, { next, isPin }: { readonly next: string; readonly isPin: boolean }) {
    super(message, { next });
    this.isPin = isPin;
  }
}

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

/**
 * What a person needs of a text of Proxmox: its first line, without the arguments of a command that failed (QEMU's are
 * 3.6 kB) and without the place in the Perl code (`… at /usr/share/perl5/PVE/Storage.pm line 651.`).
 */
export function readable(text: string): string {
  const [first = ''] = withoutArguments(text.slice(0, longestRead).trim()).split('\n', 1);
  return cut(first.trim(), longest).replace(/ at \/usr\/\S{1,200} line \S{1,20}$/, '');
}

/** `command '/usr/bin/kvm -id 100 …' failed: got timeout` (PVE::Tools, run_command): the program and how it ended. */
function withoutArguments(text: string): string {
  const from = text.indexOf("command '");
  const to = text.lastIndexOf("' failed");
  if (from < 0 || to < from) return text;
  const command = text.slice(from + "command '".length, to);
  const program = command.split(/\s/, 1)[0] ?? '';
  return command.length <= longestCommand ? text : `${text.slice(0, from)}command '${program} …${text.slice(to)}`;
}

/** Characters of a text that are looked at, and of a command that is told with its arguments. */
const longestRead = 64 * 1024;
const longestCommand = 120;
/** Bytes of a refusal, and of what it says of one parameter; and of how many parameters. */
const longest = 500;
const mostParameters = 20;

const Refusal = z.object({ message: z.string().optional(), errors: z.record(z.string(), z.string()).optional() });

function readRefusal({ reason, text }: Answer): { reason: string; errors: Readonly<Record<string, string>> } {
  const refusal = Refusal.safeParse(parseJson(text)).data;
  const plain = refusal === undefined && !text.startsWith('{') ? text : '';
  const words = readable(refusal?.message ?? (reason || plain));
  const named = Object.entries(refusal?.errors ?? {}).slice(0, mostParameters);
  const errors = named.map(([name, value]) => [cut(name, 100), readable(value)] as const);
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
export interface Trouble extends Caller {
  readonly text: string;
  readonly status?: number;
  readonly vmid?: number;
  /** The node that the call was for. */
  readonly node?: string;
}

const rules: readonly (readonly [RegExp, (found: RegExpExecArray, trouble: Trouble) => string])[] = [
  [
    /Permission check failed \(\/, Sys\.Modify for modifying tag '([^']{1,200})'\)/,
    (found) => tagPolicy(found[1] ?? ''),
  ],
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
  [/can't use storage '([^']{1,100})' for backups - wrong content type/, (found) => noBackups(found[1] ?? '')],
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

/** What to do where a storage takes no backups. */
export function noBackups(storage: string): string {
  return `Allow it: \`pvesm set ${storage} --content backup,...\`, or choose another \`backup.storage\`.`;
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

/**
 * The command that lets every token set tags of its own, which a tag policy of the datacenter forbids (PVE 8.4 and 9.2:
 * PVE::DataCenterConfig). proxnix's tags name images and commits, so no list of tags can hold them all.
 */
export const freeTags = 'pvesh set /cluster/options --user-tag-access user-allow=free';

/** No privilege of a guest helps here: a policy of the datacenter decides who sets which tag (PVE::GuestHelpers 9.2). */
function tagPolicy(tag: string): string {
  return (
    `The tag policy of the datacenter (options user-tag-access and registered-tags) keeps ${tag} from the token: on a node ` +
    `root can \`${freeTags}\`, and takes ${tag} out of registered-tags (Datacenter, Options) when it stands there.`
  );
}

/**
 * A privilege-separated token needs the ACL for its user too; `A|B` means that one of them is enough. What a token for a
 * pool lacks on a guest it lacks on its pool: rights on /vms would be rights on every guest.
 */
function grant(path: string, privileges: string, { tokenId, pool }: Trouble): string {
  const ofGuest = /^\/vms(?:\/\d+)?$/.test(path);
  const where = ofGuest ? (pool === undefined ? '/vms' : `/pool/${pool}`) : path;
  const privilege = privileges.split('|')[0] ?? privileges;
  const outside = ofGuest && pool !== undefined ? ` A guest outside of ${where} is not for this token.` : '';
  // Proxmox checks rights before it looks whether a bridge or storage of that name is there (PVE 9.2).
  const named = /^\/(?:sdn\/zones\/[^/]+|storage)\/([^/]+)$/.exec(path)?.[1];
  const first =
    named === undefined ? '' : `Is "${named}" the right name? Proxmox answers the same where none is there. `;
  return (
    `${first}Grant ${privileges} on ${where} to the token and to its user: \`pveum role add ProxnixMore --privs "${privilege}"\`, ` +
    `\`pveum acl modify ${where} --roles ProxnixMore --tokens ${shellWord(tokenId)}\` and the same with ` +
    `\`--users ${shellWord(userOf(tokenId))}\`.${outside}`
  );
}

/** `user@realm` of `user@realm!token`. A user's name may hold `!` and `@`, a token's may not (PVE::AccessControl). */
export function userOf(tokenId: string): string {
  return tokenId.slice(0, tokenId.lastIndexOf('!'));
}
