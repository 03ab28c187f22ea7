import { z } from 'zod';

/** Longest text of a fact, in characters; the evaluation shortens to less. */
const longest = 300;
const text = z.string().max(longest);

function list<Item extends z.ZodType>(item: Item, most: number) {
  return z.array(item).max(most).readonly();
}

const user = z.object({
  name: text,
  /** Is a member of the group that may become root. */
  wheel: z.boolean(),
  /** Can log in by a password; which one is not told. */
  password: z.boolean(),
  /** `name` is the comment, or the end of a key that has none. The digest is over the whole line, options included. */
  keys: list(z.object({ name: text, digest: text }), 50),
  /** A digest for each file of keys. */
  keyFiles: list(text, 50),
});

/** Ports `from` to `to`, both included; `on`: on this interface alone. */
const ports = z.object({
  protocol: z.enum(['tcp', 'udp']),
  from: z.int().min(0).max(65_535),
  to: z.int().min(0).max(65_535),
  on: z.exactOptional(text),
});

/** Keys of all users together: a difference of more would be no text that anybody reads. */
const mostKeys = 1000;

function keysOf(users: readonly z.output<typeof user>[]): number {
  return users.reduce((sum, { keys, keyFiles }) => sum + keys.length + keyFiles.length, 0);
}

/** The schema of each fact. */
export const factSchemas = {
  /** Root, people, and whoever else has a key or a password or is in wheel. */
  users: list(user, 200).refine((users) => keysOf(users) <= mostKeys),
  /** `trusted`: interfaces on which every port is open, without the loopback. */
  firewall: z.object({ on: z.boolean(), ports: list(ports, 1000), trusted: list(text, 50) }),
  mounts: list(z.object({ at: text, type: text, device: text }), 200),
  /** Virtual hosts of nginx. */
  hosts: list(text, 500),
  /** Units that are started by another one, with the user that they run as. */
  services: list(z.object({ name: text, user: text }), 500),
  timers: list(text, 300),
  sockets: list(text, 300),
  /** The NixOS release: `25.05`. */
  release: text,
  /** Its version; empty for an image without a kernel. */
  kernel: text,
  /** Names with versions: `openssl-3.0.14`. */
  packages: list(text, 2000),
  /** The same, of what services run. */
  servicePackages: list(text, 1000),
} as const;

/** The schema of what is known of the inside of an image. */
export const imageFacts = z.object({
  users: z.exactOptional(factSchemas.users),
  firewall: z.exactOptional(factSchemas.firewall),
  mounts: z.exactOptional(factSchemas.mounts),
  hosts: z.exactOptional(factSchemas.hosts),
  services: z.exactOptional(factSchemas.services),
  timers: z.exactOptional(factSchemas.timers),
  sockets: z.exactOptional(factSchemas.sockets),
  release: z.exactOptional(factSchemas.release),
  kernel: z.exactOptional(factSchemas.kernel),
  packages: z.exactOptional(factSchemas.packages),
  servicePackages: z.exactOptional(factSchemas.servicePackages),
});

/**
 * What is inside of an image, as its evaluation tells. A fact that is absent is not known (`unknownFacts`); what is known
 * to be empty is an empty list.
 */
export type ImageFacts = z.output<typeof imageFacts>;
/** The name of a fact. */
export type FactName = keyof ImageFacts;

/** Every fact, what concerns access first. */
export const factNames = Object.keys(factSchemas) as readonly FactName[];

/** The facts that are not known of an image. */
export function unknownFacts(facts: ImageFacts): readonly FactName[] {
  return factNames.filter((name) => facts[name] === undefined);
}

/** An image that a guest runs, may run next or may be rolled back to, with what is known of its inside. */
export interface KnownImage {
  readonly imageHash: string;
  readonly drvPath: string;
  readonly facts: ImageFacts;
}

/** Characters of JSON that a fleet's known images take in the store. */
const mostStored = 2 * 1024 * 1024;

/**
 * The known images with those that were evaluated now, and without those that are in no use any more. Beyond 2 MiB the
 * oldest are forgotten.
 */
export function withKnownImages(
  known: readonly KnownImage[] = [],
  evaluated: readonly KnownImage[],
  inUse: ReadonlySet<string>,
): readonly KnownImage[] {
  const fresh = new Map(evaluated.map((image) => [image.imageHash, image]));
  const older = known.filter(({ imageHash }) => inUse.has(imageHash) && !fresh.has(imageHash));
  let left = mostStored;
  return [...older, ...fresh.values()]
    .toReversed()
    .filter((image) => {
      left -= JSON.stringify(image).length;
      return left >= 0;
    })
    .toReversed();
}
