import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopback } from '../lib/addresses.ts';
import { text } from './values.ts';

/** The API's origin, e.g. `https://pve1.example.org:8006`. Plain HTTP only to this machine (the simulator). */
export const clusterUrl = z
  .string()
  .refine((value) => isClusterUrl(value), {
    error: 'expected an https address such as https://pve1.example.org:8006, without user, path or query',
  })
  .transform((value) => new URL(value).origin);

function isClusterUrl(value: string): boolean {
  const url = parseUrl(value);
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return false;
  if (url.pathname !== '/' && !/^\/api2\/json\/?$/.test(url.pathname)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** `git@host:owner/name.git`. No part may begin with `-`: ssh would take it for an option. */
const scpLike = /^\w[\w.-]*@\w[\w.-]*:(?!\/\/|-)[^\s:]+$/;

/** Where the flake is cloned from. git's other transports (ext::, git://) run commands or prove nothing. */
export const gitUrl = z.string().superRefine((value, context) => {
  const problem = gitUrlProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function gitUrlProblem(value: string): string | undefined {
  const expected = 'expected https://…, ssh://…, git@host:owner/name.git, or an absolute path';
  if (/[\s\p{Cc}]/u.test(value)) return expected;
  if (value.startsWith('/') || scpLike.test(value)) return undefined;
  const url = parseUrl(value);
  if (url === undefined || !['https:', 'http:', 'ssh:', 'file:'].includes(url.protocol)) return expected;
  if (url.password !== '' || (url.protocol.startsWith('http') && url.username !== '')) {
    return 'expected an address without user or password; a token goes into GIT_TOKEN';
  }
  if (url.hostname.startsWith('-') || url.username.startsWith('-')) return expected;
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return 'expected https: over plain http anybody on the way could change what is deployed';
  }
  return undefined;
}

/** `owner/name` in lower case as webhooks name it, from the clone address; `undefined` for a path on this machine. */
export function repositoryOf(url: string): string | undefined {
  const path = scpLike.test(url) ? url.slice(url.indexOf(':') + 1) : remotePath(url);
  const name = path
    ?.replace(/\.git\/?$/, '')
    .replace(/^\/+|\/+$/g, '')
    .toLowerCase();
  return name?.includes('/') ? name : undefined;
}

function remotePath(url: string): string | undefined {
  const parsed = parseUrl(url);
  return parsed === undefined || parsed.protocol === 'file:' ? undefined : decodeURI(parsed.pathname);
}

/** `owner/name` as webhooks name a repository; to lower case. */
export const repository = text(/^[\w.-]+(?:\/[\w.-]+)+$/, 'expected owner/name').transform((value) =>
  value.toLowerCase(),
);

/** A branch; which names git takes is in git-check-ref-format, this is the part of it that needs no quoting. */
export const branch = text(
  /^(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}$/,
  'expected the name of a branch such as main, without refs/heads/',
);

/** A folder inside the repository. Nix does not check that it stays inside. */
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

/** A host, with a port where it is not every one. */
export const hostAndPort = text(
  /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?$/,
  'expected hosts such as git.example.org or 10.0.0.5:3000',
);

/** A storage of Proxmox VE (PVE::JSONSchema, pve-storage-id). */
export const storage = text(/^[A-Za-z][\w.-]{0,98}[A-Za-z0-9]$/, 'expected the name of a storage such as local');

/** A pool of Proxmox VE; nested ones from 8.1 on. */
export const pool = text(/^[\w.-]+(?:\/[\w.-]+){0,2}$/, 'expected the name of a pool');

/** The id of an API token of Proxmox VE. */
export const tokenId = text(/^[^\s:!@/]+@[A-Za-z][\w.-]+![A-Za-z][\w.-]+$/, 'expected user@realm!token');

/** The name of a fleet or a cluster. */
export const fleetName = text(/^[a-z0-9][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and -');

/** Settings of nix.conf(5) that would undo what SECURITY.md promises of a build or an evaluation. */
const weakening =
  /^(?:extra-)?(?:sandbox|sandbox-fallback|sandbox-paths|sandbox-dev-shm-size|build-use-(?:sandbox|chroot)|build-(?:extra-)?(?:sandbox-paths|chroot-dirs|extra-chroot-dirs|extra-sandbox-paths)|pre-build-hook|build-hook|plugin-files|filter-syscalls|allow-new-privileges|require-sigs|pure-eval|restrict-eval|allow-import-from-derivation|allow-unsafe-native-code-during-evaluation|accept-flake-config|impure-host-deps|allowed-impure-host-deps) /;

/** Lines of nix.conf(5). The options that protect the bot stand on the command line of Nix and win over these. */
export const nixSettings = z
  .string()
  .transform((value) =>
    value
      .split(/\n|\\n/)
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  )
  .pipe(
    z.array(
      text(/^[a-z][a-z0-9-]* = .+$/, 'expected lines of the form `key = value`').refine(
        (line) => !weakening.test(line),
        {
          error: 'expected no setting that opens the sandbox of Nix, or runs a program beside it',
        },
      ),
    ),
  );

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}
