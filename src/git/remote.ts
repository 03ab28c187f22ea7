import { UserError } from '../core/errors.ts';
import { isLoopback } from '../lib/addresses.ts';

/** A repository's URL without its secrets, and the secrets as git's configuration. */
export interface Remote {
  /** Safe to show and to pass as an argument. */
  readonly url: string;
  /** Configuration by key, given to git through its environment: arguments are visible to every user of the machine. */
  readonly config: Readonly<Record<string, string>>;
  /** What must never be shown, longest first. */
  readonly secrets: readonly string[];
}

/** Transports that run a program of the URL's choice stay out. */
export const protocols = ['file', 'git', 'http', 'https', 'ssh'] as const;

/**
 * Splits a URL and a token into what may be seen and what may not. A password in the URL counts as a token. A token goes
 * to `https` only, and to `http` on this machine.
 * @throws UserError for a URL that git would take for something else
 */
export function readRemote(url: string, token: string | undefined): Remote {
  if (url.startsWith('/')) return plain(url, token);
  if (/^[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:-][^:]*$/.test(url)) return plain(url, token);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1);
  if (parsed === undefined || !protocols.some((known) => known === scheme)) {
    throw new UserError('The URL of the repository is none that proxnix fetches from.', {
      next: `Use one of ${protocols.join(', ')}, an absolute path, or user@host:path.`,
    });
  }
  const password = decodeURIComponent(parsed.password) || token;
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return plain(url, token);
  const user = decodeURIComponent(parsed.username) || 'x-access-token';
  parsed.username = '';
  parsed.password = '';
  if (password === undefined) return plain(parsed.href, undefined);
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    throw new UserError('The token for the repository would go over an unencrypted connection.', {
      next: 'Use the https URL of the repository.',
    });
  }
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  return {
    url: parsed.href,
    config: {
      [`http.${parsed.origin}/.extraHeader`]: `Authorization: Basic ${basic}`,
      // The header would go along to wherever the server points.
      'http.followRedirects': 'false',
    },
    secrets: [basic, password],
  };
}

/** Text without the secrets, also one whose end was cut off, and without what stands before `@` in URLs. */
export function withoutSecrets(text: string, remote: Remote): string {
  const masked = remote.secrets.reduce((rest, secret) => withoutCut(rest.replaceAll(secret, '***'), secret), text);
  // From the colon on, not from the scheme: a search from every letter would take the square of the length.
  return masked.replace(/:\/\/[^/@\s']*@/g, '://');
}

/** A line that is too long ends in `…`; what it shows of a secret before that goes too. */
function withoutCut(text: string, secret: string): string {
  if (!text.endsWith('…')) return text;
  const shown = text.slice(0, -1);
  for (let length = secret.length - 1; length >= 4; length--) {
    if (shown.endsWith(secret.slice(0, length))) return `${shown.slice(0, -length)}***…`;
  }
  return text;
}

function plain(url: string, token: string | undefined): Remote {
  if (token === undefined) return { url, config: {}, secrets: [] };
  throw new UserError('A token for the repository works with an https URL only.', {
    next: 'Use the https URL, or an SSH key without a token.',
  });
}

/** A full ref that is safe in a URL of Nix and in arguments of git. */
export const refPattern =
  /^refs\/(?:heads|tags|proxnix)\/(?!.*(?:\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$))[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}$/;

/** A whole commit hash. */
export const shaPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** What people write for a commit: seven digits or more. */
export const shortShaPattern = /^[0-9a-f]{7,64}$/i;

/** The flake's folder: a path that stays inside the repository. */
export const dirPattern = /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

const pinPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

/** The hidden ref of a pin. @throws when the name is none of ours */
export function pinRef(name: string): string {
  if (!pinPattern.test(name)) throw new Error('the name of a pin has letters, digits and - only');
  return `refs/proxnix/${name}`;
}

/** The full refs that a name may mean, in the order to try; none when it is no name of a branch or tag. */
export function refsOf(name: string): readonly string[] {
  const refs = name.startsWith('refs/') ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`];
  return refs.filter((ref) => refPattern.test(ref) && !ref.startsWith('refs/proxnix/'));
}
