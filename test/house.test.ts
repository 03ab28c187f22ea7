import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every source file, by its path from the top. */
const sources = ['src', 'commands'].flatMap((dir) =>
  readdirSync(path.join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${dir}/${file}`),
);

interface Import {
  readonly from: string;
  /** A path from the top, or the name of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const imports: readonly Import[] = sources.flatMap((from) => {
  const text = readFileSync(path.join(root, from), 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?[^;]*?from '([^']+)';|^import '([^']+)';|import\('([^']+)'\)/gm,
  );
  return [...found].map(([, type, named, bare, dynamic]) => {
    const specifier = named ?? bare ?? dynamic ?? '';
    const to = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from), specifier) : specifier;
    return { from, to, typeOnly: type !== undefined };
  });
});

const ports = [
  'chat/chat',
  'cluster/cluster',
  'builder/builder',
  'git/git',
  'store/store',
  'forge/forge',
  'health/health',
].map((port) => `src/${port}.ts`);
const isPort = (file: string) => ports.includes(file);
/** The room of a file: `src/core`, `src/cluster/proxmox`, `src/git`. */
const within = (file: string, ...rooms: string[]) => rooms.some((room) => file.startsWith(`${room}/`));
const local = ({ to }: Import) => to.startsWith('src/') || to.startsWith('commands/');

/** All imports of some rooms that are not allowed there, as `from -> to`. */
function strays(rooms: readonly string[], allowed: (one: Import) => boolean): readonly string[] {
  return imports
    .filter((one) => within(one.from, ...rooms) && !isPort(one.from) && !allowed(one))
    .map(({ from, to }) => `${from} -> ${to}`);
}

describe('the house', () => {
  it('is read: there are sources, and they import each other', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(imports.filter(local).length).toBeGreaterThan(sources.length);
  });

  it('has tools without a domain word, which know nothing but Node', () => {
    expect(strays(['src/lib'], ({ to }) => within(to, 'src/lib') || to.startsWith('node:'))).toEqual([]);
    const words = /fleet|cluster|\bguest|proxmox|\bnix\b|\bgit\b|slack|discord|\bplan\b|\brun\b|flake/i;
    const worded = sources
      .filter((file) => within(file, 'src/lib'))
      .filter((file) => words.test(readFileSync(path.join(root, file), 'utf8')));
    expect(worded).toEqual([]);
  });

  it('has a pure core: it imports itself, tools, zod and node:crypto', () => {
    expect(
      strays(['src/core'], ({ to }) => within(to, 'src/core', 'src/lib') || to === 'zod' || to === 'node:crypto'),
    ).toEqual([]);
  });

  it('has a core without a clock and without chance', () => {
    const impure = sources
      .filter((file) => within(file, 'src/core', 'src/views', 'src/lib'))
      .filter((file) =>
        /\bDate\.now\(|\bnew Date\(\)|Math\.random|randomUUID|\bprocess\.|setTimeout/.test(
          readFileSync(path.join(root, file), 'utf8'),
        ),
      );
    expect(impure).toEqual([]);
  });

  it('has views that know the core, tools and nothing else', () => {
    expect(strays(['src/views'], ({ to }) => within(to, 'src/core', 'src/lib', 'src/views'))).toEqual([]);
  });

  it('has ports that know the core, cards and each other', () => {
    const stray = imports
      .filter(({ from }) => isPort(from))
      .filter(({ to }) => !within(to, 'src/core', 'src/views') && !isPort(to))
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(stray).toEqual([]);
  });

  it('has a pipeline that knows ports and never an adapter', () => {
    expect(
      strays(
        ['src/pipeline'],
        ({ to }) => within(to, 'src/core', 'src/lib', 'src/views', 'src/pipeline') || isPort(to),
      ),
    ).toEqual([]);
  });

  it('has commands that stand on the pipeline', () => {
    const allowed = ({ to }: Import) => within(to, 'commands', 'src/core', 'src/views', 'src/pipeline') || isPort(to);
    expect(strays(['commands'], allowed)).toEqual([]);
  });

  it('has adapters that know no other adapter and no pipeline', () => {
    const rooms = ['chat', 'cluster', 'builder', 'git', 'store', 'forge', 'health', 'http'];
    const stray = rooms.flatMap((room) =>
      strays([`src/${room}`], (one) => {
        if (!local(one)) return true;
        if (within(one.to, 'src/lib')) return true;
        const shared = ['src/log.ts', 'src/secret.ts', 'src/signal-group.ts'].includes(one.to);
        return (
          shared ||
          isPort(one.to) ||
          within(one.to, `src/${room}`, 'src/core', 'src/lib') ||
          within(one.to, 'src/views')
        );
      }),
    );
    expect(stray).toEqual([]);
  });

  it('has chats that do not know each other', () => {
    const chats = ['discord', 'slack', 'console'];
    const stray = chats.flatMap((chat) =>
      strays(
        [`src/chat/${chat}`],
        ({ to }) => !chats.some((other) => other !== chat && within(to, `src/chat/${other}`)),
      ),
    );
    expect(stray).toEqual([]);
  });

  it('has a simulator that knows nothing of the bot', () => {
    expect(
      strays(
        ['src/simulator'],
        (one) => !local(one) || within(one.to, 'src/simulator') || one.to === 'src/core/errors.ts',
      ),
    ).toEqual([]);
  });

  it('lets only app, demo and the command line know every adapter', () => {
    const adapters = [
      'src/chat/console',
      'src/chat/discord',
      'src/chat/slack',
      'src/cluster/proxmox',
      'src/builder/nix',
      'src/store/lowdb.ts',
    ];
    const stray = imports
      .filter(({ to }) => adapters.some((adapter) => to.startsWith(adapter)))
      .filter(({ from }) => !adapters.some((adapter) => from.startsWith(adapter)))
      .filter(
        ({ from }) =>
          !/^src\/(app|demo|main)\.ts$/.test(from) && !within(from, 'src/cli', 'src/demo', 'src/gallery', 'src/store'),
      )
      .map(({ from, to }) => `${from} -> ${to}`);
    expect(stray).toEqual([]);
  });

  it('prints only where a person has typed a command', () => {
    const printing = sources
      .filter((file) => !/^src\/(demo|main)\.ts$/.test(file) && !within(file, 'src/cli', 'src/demo'))
      .filter((file) => /\bconsole\.(log|error|warn)\(/.test(readFileSync(path.join(root, file), 'utf8')))
      .filter((file) => file !== 'src/simulator/cli.ts');
    expect(printing).toEqual([]);
  });

  it('has a lock file that pins the content of every package, and names no host', () => {
    const text = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
    const { packages }: { packages: Record<string, { integrity?: string }> } = JSON.parse(text);
    const { '': _top, ...others } = packages;
    expect(Object.keys(others).length).toBeGreaterThan(100);
    const unpinned = Object.keys(others).filter((name) => !/^sha512-/.test(others[name]?.integrity ?? ''));
    expect(unpinned).toEqual([]);
    expect(text).not.toContain('"resolved"');
  });

  it('has a port that each adapter folder implements', () => {
    for (const port of ports) expect(sources).toContain(port);
  });
});
