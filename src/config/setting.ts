import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopback } from '../lib/addresses.ts';
import { Secret } from '../secret.ts';

/** The facts about a setting beside its schema. */
export interface SettingFacts {
  /** One plain sentence for `.env.example`. */
  readonly about: string;
  /** A valid value other than the default. */
  readonly example: string;
  /** True for a secret, which may also come from the file that `<NAME>_FILE` names (systemd credentials, Docker). */
  readonly isSecret?: true;
  /** Its key in the fleets file, for a value of one cluster or one fleet. */
  readonly inFile?: { readonly of: 'cluster' | 'fleet'; readonly key: string };
  /** True when a fleets file excludes the variable, which would otherwise be ignored silently. */
  readonly isOneFleets?: true;
}

const known = z.registry<SettingFacts>();

/**
 * A setting: a schema that reads it from text, with facts about it. The schemas of lists, numbers and booleans read JSON
 * as well. A schema object can be used once; `.optional()` and `.prefault()` make new ones.
 */
export function setting<Schema extends z.ZodType>(schema: Schema, facts: SettingFacts): Schema {
  known.add(schema, facts);
  return schema;
}

/** The facts of a setting. @throws Error for a schema that `setting` did not make */
export function factsOf(schema: z.core.$ZodType): SettingFacts {
  const facts = known.get(schema);
  if (facts === undefined) throw new Error('a setting has no facts');
  return facts;
}

/** The default in the form of the environment; empty without a default. */
export function defaultOf(schema: z.core.$ZodType): string {
  if (!(schema instanceof z.ZodPrefault)) return '';
  return z.string().parse(schema.def.defaultValue);
}

/** The API's origin, e.g. `https://pve1.example.org:8006`. Plain HTTP only to this machine (the simulator). */
export const clusterUrl = z
  .string()
  .refine((value) => isClusterUrl(value), {
    error:
      'expected an https address such as https://pve1.example.org:8006, without user, path or query; plain http would send the token in clear',
  })
  .transform((value) => new URL(value).origin);

function isClusterUrl(value: string): boolean {
  const url = parseUrl(value);
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return false;
  if (url.pathname !== '/' && !/^\/api2\/json\/?$/.test(url.pathname)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** An address that the bot sends a token to, or that people open; without a slash at its end. */
export const webUrl = z
  .string()
  .refine((value) => isWebUrl(value), {
    error:
      'expected an https address without user or query, such as https://git.example.org/api/v1; plain http only for this machine',
  })
  .transform((value) => value.replace(/\/+$/, ''));

function isWebUrl(value: string): boolean {
  const url = parseUrl(value);
  if (url === undefined || `${url.username}${url.password}${url.search}${url.hash}` !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** `git@host:owner/name.git`. No part may begin with `-`: ssh would take it for an option. */
const scpLike = /^\w[\w.-]*@\w[\w.-]*:(?!\/\/|-)[^\s:]+$/;

/** The clone address of the flake. git's other transports run commands (ext::) or are unauthenticated (git://). */
export const gitUrl = z.string().superRefine((value, context) => {
  const problem = gitUrlProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function gitUrlProblem(value: string): string | undefined {
  const expected = 'expected https://…, ssh://…, git@host:owner/name.git, or an absolute path';
  if (/[\s\p{Cc}]/u.test(value)) return expected;
  if (!value.startsWith('/') && decoded(value) === undefined) return `${expected}; a % is written %25`;
  if (value.startsWith('/') || scpLike.test(value)) return undefined;
  const url = parseUrl(value);
  if (url === undefined || !['https:', 'http:', 'ssh:', 'file:'].includes(url.protocol)) return expected;
  if (url.password !== '' || (url.protocol.startsWith('http') && url.username !== '')) {
    return 'expected an address without user or password; a token goes into GIT_TOKEN';
  }
  if (url.hostname.startsWith('-') || url.username.startsWith('-')) return expected;
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return 'expected https: plain http lets anybody on the network change what is deployed';
  }
  return undefined;
}

/** Where a repository is cloned from. */
export interface Remote {
  readonly host: string;
  /** The address of the host in a browser; of one that is reached by ssh, over https. */
  readonly origin: string;
  /** `owner/name` as it is spelled, with what stands before it; without slashes at its ends. */
  readonly path: string;
}

/** The parts of a clone address; `undefined` for a path on this machine. */
export function remoteOf(url: string): Remote | undefined {
  if (scpLike.test(url)) {
    const host = url.slice(url.indexOf('@') + 1, url.indexOf(':'));
    return { ...withoutSsh(host), path: pathOf(url.slice(url.indexOf(':') + 1)) };
  }
  const parsed = parseUrl(url);
  const path = parsed === undefined || parsed.protocol === 'file:' ? undefined : decoded(parsed.pathname);
  if (parsed === undefined || path === undefined) return undefined;
  if (parsed.protocol === 'ssh:') return { ...withoutSsh(parsed.hostname), path: pathOf(path) };
  return { host: parsed.hostname, origin: parsed.origin, path: pathOf(path) };
}

/** GitHub and GitLab answer ssh on port 443 under names of their own: `ssh.github.com`, `altssh.gitlab.com`. */
function withoutSsh(name: string): Pick<Remote, 'host' | 'origin'> {
  const host = name.replace(/^(?:alt)?ssh\.(?=git(?:hub|lab)\.com$)/, '');
  return { host, origin: `https://${host}` };
}

function pathOf(path: string): string {
  return path.replace(/\.git\/?$/, '').replace(/^\/+|\/+$/g, '');
}

/** `owner/name` in lower case as webhooks name it, from the clone address; `undefined` for a path on this machine. */
export function repositoryOf(url: string): string | undefined {
  const name = remoteOf(url)?.path.toLowerCase();
  return name?.includes('/') ? name : undefined;
}

/** The text without its escapes; `undefined` when one of them is none (`%zz`). */
function decoded(text: string): string | undefined {
  try {
    return decodeURI(text);
  } catch {
    return undefined;
  }
}

/** `owner/name` as webhooks name a repository; to lower case. */
export const repository = text(/^[\w.-]+(?:\/[\w.-]+)+$/, 'expected owner/name').transform((value) =>
  value.toLowerCase(),
);

/** A branch: the names of git-check-ref-format that need no quoting. */
export const branch = text(
  /^(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}$/,
  'expected the name of a branch such as main, without refs/heads/',
);

/** A folder inside the repository. Nix does not check that the path stays inside. */
export const folder = text(
  /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/,
  'expected a folder inside the repository such as infra/proxmox',
);

/** An attribute of the flake. */
export const attribute = text(
  /^[A-Za-z_][A-Za-z0-9_'-]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_'-]{0,62})*$/,
  'expected an attribute path such as config.system.build.qcow2',
);

/** A host by its name. */
export const hostName = text(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/, 'expected host names');

/** A host by its name or its address. */
export const address = z.string().refine((value) => isIP(value) !== 0 || hostName.safeParse(value).success, {
  error: 'expected a host or an address',
});

/** A host with an optional port; without one every port counts. */
export const hostAndPort = text(
  /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?$/,
  'expected hosts such as git.example.org or 10.0.0.5:3000',
);

/** A storage of Proxmox VE (PVE::JSONSchema, pve-storage-id). */
export const storage = text(/^[A-Za-z][\w.-]{0,98}[A-Za-z0-9]$/, 'expected the name of a storage such as local');

/** A pool of Proxmox VE; nested ones from 8.1 on. */
export const pool = text(/^[\w.-]+(?:\/[\w.-]+){0,2}$/, 'expected the name of a pool');

/**
 * The id of an API token of Proxmox VE: a user's name may hold `@`, `!` and letters of any script (PVE::Auth::Plugin,
 * user_regex and realm_regex), as the mail addresses of an OpenID realm do. The user has at most 64 characters.
 */
export const tokenId = text(
  /^(?=.{3,64}![^!]*$)[^\s:/\p{Cc}]+@[A-Za-z][\w.-]+![A-Za-z][\w.-]{1,127}$/u,
  'expected user@realm!token',
);

/** The name of a fleet or a cluster. */
export const fleetName = text(/^[a-z0-9][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and -');

/** Settings of nix.conf(5) that would break the promises of SECURITY.md about builds and evaluations. */
const weakening =
  /^(?:extra-)?(?:sandbox|sandbox-fallback|sandbox-paths|sandbox-dev-shm-size|build-use-(?:sandbox|chroot)|build-(?:extra-)?(?:sandbox-paths|chroot-dirs|extra-chroot-dirs|extra-sandbox-paths)|pre-build-hook|build-hook|plugin-files|filter-syscalls|allow-new-privileges|require-sigs|pure-eval|restrict-eval|allow-import-from-derivation|allow-unsafe-native-code-during-evaluation|accept-flake-config|impure-host-deps|allowed-impure-host-deps) /;

/** Lines of nix.conf(5). The options that protect the bot are on the command line of Nix, which overrides these. */
export const nixSettings = z.string().transform((value, context) => {
  const lines = value.split(/\n|\\n/).map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    const problem = line === '' ? undefined : nixLineProblem(line);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `line ${index + 1}: ${problem}` });
  }
  return lines.filter((line) => line !== '');
});

/** Nix takes a line only with blanks around `=`. Nothing behind it is a value: `substituters =` is none at all. */
function nixLineProblem(line: string): string | undefined {
  if (!/^[a-z][a-z0-9-]* =(?: .*)?$/.test(line)) return 'expected the form `key = value`';
  return weakening.test(line)
    ? 'expected no setting that opens the sandbox of Nix, or runs a program beside it'
    : undefined;
}

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

/** One line of text that matches a pattern; `expected` is the message when it does not. */
export function text(pattern: RegExp, expected: string) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

/** One of some words. */
export function choice<const T extends readonly [string, ...string[]]>(...options: T) {
  return z.enum(options, { error: `expected ${options.join(' or ')}` });
}

/** `true` or `false`, as text or as JSON. */
export const flag = z
  .union([z.boolean(), choice('true', 'false')], { error: 'expected true or false' })
  .transform((value) => value === true || value === 'true');

/** A whole number, as text or as JSON. */
export function whole(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .union([z.int(), text(/^[0-9]{1,9}$/, expected)], { error: expected })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: expected });
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `24h`, `7d` to milliseconds. At most 24 days, because timers of Node reach 24.8 days. */
export const duration = text(/^[0-9]{1,9}(?:ms|s|m|h|d)$/, 'expected a duration such as 60s, 5m, 24h')
  .transform((value) => Number.parseInt(value, 10) * (unitMs[value.replace(/^[0-9]+/, '')] ?? 0))
  .refine((ms) => ms > 0 && ms <= 24 * 86_400_000, { error: 'expected a duration of more than 0 and at most 24d' });

/** A duration, or `off` for never. */
export const durationOrOff = z.union([z.literal('off').transform(() => 'off' as const), duration], {
  error: 'expected a duration such as 60s, 5m, 24h, or off',
});

const unitBytes: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3 };

/** `512M`, `4G` to bytes. */
export const size = text(/^[1-9][0-9]{0,5}[MG]$/, 'expected a size such as 512M or 4G').transform(
  (value) => Number.parseInt(value, 10) * (unitBytes[value.slice(-1)] ?? 0),
);

/** `a, b` or a list in JSON; each item is parsed by itself, so that each mistake is reported. */
export function list<T>(item: z.ZodType<T, string>) {
  return z
    .union([z.string().transform(partsOf), z.array(z.string())], { error: 'expected a list' })
    .pipe(z.array(item));
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** A secret that a person chooses: at least 16 characters, so that it cannot be guessed. */
export const madeUpSecret = text(
  /^[\x21-\x7e]{16,1024}$/,
  'expected at least 16 characters without spaces; `openssl rand -hex 32` makes one',
).transform((value) => new Secret(value));

/** A secret that another system issued. */
export function token(pattern: RegExp, expected: string) {
  return text(pattern, expected).transform((value) => new Secret(value));
}

/** A secret of another system, of unknown form. */
export const anyToken = token(/^[\x21-\x7e]{8,4096}$/, 'expected a token of at least 8 characters without spaces');

/** A SHA-256 fingerprint as Proxmox shows it, with or without colons, to upper case with colons. */
export const fingerprint = text(
  /^(?:[0-9a-fA-F]{64}|(?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})$/,
  'expected SHA-256 fingerprints, 32 bytes in hex each',
).transform((value) => (value.replaceAll(':', '').toUpperCase().match(/../g) ?? []).join(':'));
