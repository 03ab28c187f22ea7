import type { Import } from './imports.ts';

/** The table "Direction of imports": what the files of some rooms may import. */
interface Direction {
  readonly of: string;
  /** Folders, with what is below them; a port is no file of its room. */
  readonly rooms: readonly string[];
  readonly allowed: (one: Import) => boolean;
}

/** The ports: what the pipeline knows of chats, clusters and the rest. */
export const ports: readonly string[] = [
  ...['chat/chat', 'cluster/cluster', 'builder/builder', 'git/git', 'store/store', 'forge/forge', 'health/health'],
].map((port) => `src/${port}.ts`);

const chats = ['console', 'discord', 'slack'];
const adapterRooms = ['chat', 'cluster', 'builder', 'git', 'store', 'forge', 'health', 'http'];
const adapters = [
  ...chats.map((chat) => `src/chat/${chat}`),
  ...['src/cluster/proxmox', 'src/builder/nix', 'src/store/lowdb.ts'],
];
/** Where an adapter may be named: the composition root, the program, the demo, and an adapter's own room. */
const knowsAdapters = ['src/cli', 'src/demo', 'src/gallery', 'src/store'];
const shared = [
  ...['src/log.ts', 'src/secret.ts', 'src/lib/system.ts'],
  // What an adapter describes its own settings with.
  'src/config/setting.ts',
];
/** Queues and maps of packages: they know no system around us. */
const containers = ['p-queue', 'lru-cache'];

const isPort = (file: string) => ports.includes(file);
const within = (file: string, ...rooms: string[]) => rooms.some((room) => file.startsWith(`${room}/`));
const isLocal = ({ to }: Import) => within(to, 'src', 'commands', 'test');

export const directions: readonly Direction[] = [
  {
    of: 'tools, which know nothing but Node',
    rooms: ['src/lib'],
    allowed: ({ to }) => within(to, 'src/lib') || to.startsWith('node:'),
  },
  {
    of: 'the pure core, which knows tools, zod and node:crypto',
    rooms: ['src/core'],
    allowed: ({ to }) => within(to, 'src/core', 'src/lib') || to === 'zod' || to === 'node:crypto',
  },
  {
    of: 'views, which know the core and tools',
    rooms: ['src/views'],
    allowed: ({ to }) => within(to, 'src/core', 'src/lib', 'src/views'),
  },
  {
    of: 'the pipeline, which knows ports and never an adapter',
    rooms: ['src/pipeline'],
    allowed: ({ to }) =>
      within(to, 'src/core', 'src/lib', 'src/views', 'src/pipeline') || isPort(to) || containers.includes(to),
  },
  {
    of: 'commands, which stand on the pipeline',
    rooms: ['commands'],
    allowed: ({ to }) => within(to, 'commands', 'src/core', 'src/views', 'src/pipeline') || isPort(to),
  },
  ...adapterRooms.map((room) => ({
    of: `adapters of ${room}, which know no other adapter and no pipeline`,
    rooms: [`src/${room}`],
    allowed: (one: Import) =>
      !isLocal(one) ||
      shared.includes(one.to) ||
      isPort(one.to) ||
      within(one.to, `src/${room}`, 'src/core', 'src/lib', 'src/views'),
  })),
  ...chats.map((chat) => ({
    of: `${chat}, which knows no other chat`,
    rooms: [`src/chat/${chat}`],
    allowed: ({ to }: Import) => !chats.some((other) => other !== chat && within(to, `src/chat/${other}`)),
  })),
  {
    of: 'the simulator, which knows nothing of the bot',
    rooms: ['src/simulator'],
    allowed: (one) => !isLocal(one) || within(one.to, 'src/simulator'),
  },
  {
    of: 'the bot, which never knows a test',
    rooms: ['src', 'commands'],
    allowed: ({ to }) => !within(to, 'test'),
  },
];

/** The imports that the table forbids, as `from -> to`. */
export function forbidden(imports: readonly Import[]): readonly string[] {
  const isForbidden = (one: Import) =>
    (isPort(one.from) && !knownToPorts(one)) ||
    (namesAdapter(one) && !mayNameAdapters(one.from)) ||
    directions.some(({ rooms, allowed }) => within(one.from, ...rooms) && !isPort(one.from) && !allowed(one));
  return imports.filter(isForbidden).map(({ from, to }) => `${from} -> ${to}`);
}

/** A port knows the core, cards and other ports. */
function knownToPorts({ to }: Import): boolean {
  return within(to, 'src/core', 'src/views') || isPort(to);
}

function namesAdapter({ to }: Import): boolean {
  return adapters.some((adapter) => to.startsWith(adapter));
}

function mayNameAdapters(from: string): boolean {
  const isAdapter = adapters.some((adapter) => from.startsWith(adapter));
  return isAdapter || /^src\/(app|chats|forges|main)\.ts$/.test(from) || within(from, ...knowsAdapters);
}
