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
