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

export const attribute = text(
  /^[A-Za-z_][A-Za-z0-9_'-]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_'-]{0,62})*$/,
  'expected an attribute path such as config.system.build.qcow2',
);

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}
