import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { directions, forbidden, ports } from './house/directions.ts';
import { cyclesOf, importsOf, loadedBy, readImports, sourcesBelow } from './house/imports.ts';
import { root } from './support/compiled.ts';

const sources = sourcesBelow(root, ['src', 'commands']);
const imports = readImports(root, sources);
const within = (file: string, ...rooms: string[]) => rooms.some((room) => file.startsWith(`${room}/`));
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');

describe('the house', () => {
  it('is read: there are sources, and they import each other', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(imports.filter(({ to }) => sources.includes(to)).length).toBeGreaterThan(sources.length);
  });

  it('imports in one direction', () => {
    expect(forbidden(imports)).toEqual([]);
  });

  it('has no cycle, not even of types', () => {
    expect(cyclesOf(imports)).toEqual([]);
  });

  it('has files in every room of the table', () => {
    for (const { of, rooms } of directions)
      expect(
        sources.some((file) => within(file, ...rooms)),
        of,
      ).toBe(true);
  });

  it('loads the library of a chat only where that chat is configured', () => {
    const loaded = loadedBy('src/cli/start.ts', imports);
    expect(loaded).toContain('src/chat/discord/kind.ts');
    expect([...loaded].filter((name) => name === 'discord.js' || name.startsWith('@slack/'))).toEqual([]);
  });

  it('has tools without a domain word', () => {
    const words = /fleet|cluster|\bguest|proxmox|\bnix\b|\bgit\b|slack|discord|\bplan\b|\brun\b|flake/i;
    expect(sources.filter((file) => within(file, 'src/lib') && words.test(textOf(file)))).toEqual([]);
  });

  it('has a core without a clock and without chance', () => {
    const impure = /\bDate\.now\(|\bnew Date\(\)|Math\.random|randomUUID|\bprocess\.(?!kill)|setTimeout/;
    const pure = sources.filter((file) => within(file, 'src/core', 'src/views', 'src/lib'));
    expect(pure.filter((file) => impure.test(textOf(file)))).toEqual([]);
  });

  it('prints only where a person has typed a command', () => {
    const printing = sources
      .filter((file) => !/^src\/(demo|main)\.ts$/.test(file) && !within(file, 'src/cli', 'src/demo'))
      .filter((file) => /\bconsole\.(log|error|warn)\(/.test(textOf(file)));
    expect(printing).toEqual([]);
  });

  it('has a lock file that pins the content of every package, and names no host', () => {
    const text = textOf('package-lock.json');
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

describe('an import', () => {
  it.each([
    ["import { a } from './b.ts';", 'value'],
    ["import {\n  a,\n  c,\n} from './b.ts';", 'value'],
    ["import a, * as c from './b.ts'", 'value'],
    ["import './b.ts';", 'value'],
    ["import { type A } from './b.ts';", 'value'],
    ["import type { A } from './b.ts';", 'type'],
    ["import a = require('./b.ts');", 'value'],
    ["import type A = require('./b.ts');", 'type'],
    ["const a = require('./b.ts');", 'value'],
    ["export * from './b.ts';", 'value'],
    ["export * as a from './b.ts';", 'value'],
    ["export type * from './b.ts';", 'type'],
    ["export {\n  a,\n  c as d,\n} from './b.ts';", 'value'],
    ["export type { A } from './b.ts';", 'type'],
    ["const a = async () => (await import('./b.ts')).a;", 'dynamic'],
    ["let a: import('./b.ts').A;", 'type'],
    ["declare const a: typeof import('./b.ts');", 'type'],
    ["/* a comment; */ import { a } from /* here */ './b.ts'", 'value'],
  ])('is found: %j', (text, kind) => {
    expect(importsOf('src/core/a.ts', text)).toEqual([{ from: 'src/core/a.ts', to: 'src/core/b.ts', kind }]);
  });

  it('is not what only looks like one', () => {
    const text = "// import { a } from './b.ts';\nconst a = `import { a } from './b.ts';`;\nexport { a };\n";
    expect(importsOf('src/core/a.ts', text)).toEqual([]);
  });

  it('of what is computed cannot be checked, and is refused', () => {
    expect(() => importsOf('src/core/a.ts', 'await import(name)')).toThrow('src/core/a.ts imports something');
  });
});

describe('the table of directions', () => {
  it.each([
    ['src/lib/text.ts', 'src/core/plan.ts'],
    ['src/lib/text.ts', 'zod'],
    ['src/core/plan.ts', 'node:fs'],
    ['src/core/plan.ts', 'src/views/card.ts'],
    ['src/views/run.ts', 'src/pipeline/pipeline.ts'],
    ['src/chat/chat.ts', 'src/log.ts'],
    ['src/cluster/cluster.ts', 'src/cluster/proxmox/client.ts'],
    ['src/pipeline/pipeline.ts', 'src/store/lowdb.ts'],
    ['src/pipeline/pipeline.ts', 'pino'],
    ['commands/plan.ts', 'src/git/cli.ts'],
    ['src/git/cli.ts', 'src/pipeline/deps.ts'],
    ['src/git/cli.ts', 'src/health/watch.ts'],
    ['src/chat/slack/slack.ts', 'src/chat/discord/discord.ts'],
    ['src/simulator/simulator.ts', 'src/core/errors.ts'],
    ['src/config.ts', 'src/cluster/proxmox/client.ts'],
    ['src/app.ts', 'test/support/builders.ts'],
  ])('forbids that %s imports %s', (from, to) => {
    for (const kind of ['value', 'type', 'dynamic'] as const)
      expect(forbidden([{ from, to, kind }])).toEqual([`${from} -> ${to}`]);
  });
});

describe('the linter', () => {
  it('reports forbidden imports and cycles of types as well', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'proxnix-house-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    await cp(path.join(root, '.oxlintrc.json'), path.join(dir, '.oxlintrc.json'));
    const files = {
      'src/core/a.ts': "export * from '../views/v.ts';\n",
      'src/pipeline/p.ts':
        "import type { A } from '../git/cli.ts';\nimport type { B } from '../git/git.ts';\nexport type C = A | B;\n",
      'src/git/cli.ts': "export type { D } from '../health/watch.ts';\nexport type A = 1;\n",
      'src/git/git.ts': 'export type B = 1;\n',
      'src/health/watch.ts': "import type { E } from './other.ts';\nexport type D = E;\n",
      'src/health/other.ts': "import type { D } from './watch.ts';\nexport type E = D;\n",
      'src/simulator/s.ts': "import { x } from '../core/x.ts';\nexport const y = x;\n",
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
      await writeFile(path.join(dir, file), text);
    }
    const oxlint = path.join(root, 'node_modules/.bin/oxlint');
    const { stdout } = await execa(oxlint, ['--format', 'json'], { cwd: dir, reject: false });
    const { diagnostics }: { diagnostics: { code: string; filename: string }[] } = JSON.parse(stdout);
    expect(diagnostics.map(({ code, filename }) => `${filename} ${code}`).toSorted()).toEqual([
      'src/core/a.ts eslint(no-restricted-imports)',
      'src/git/cli.ts eslint(no-restricted-imports)',
      'src/health/other.ts import(no-cycle)',
      'src/health/watch.ts import(no-cycle)',
      'src/pipeline/p.ts eslint(no-restricted-imports)',
      'src/simulator/s.ts eslint(no-restricted-imports)',
    ]);
  });
});

describe('a cycle', () => {
  it('is found whatever it is made of, and named by its files', () => {
    const files = {
      'src/a.ts': "import type { B } from './b.ts';",
      'src/b.ts': "export * from './c.ts'; import './e.ts';",
      'src/c.ts': "export const a = () => import('./a.ts');",
      'src/d.ts': "import './a.ts';",
      'src/e.ts': "import { e } from './e.ts';",
    };
    const all = Object.entries(files).flatMap(([file, text]) => importsOf(file, text));
    expect(cyclesOf(all)).toEqual([['src/e.ts'], ['src/a.ts', 'src/b.ts', 'src/c.ts']]);
  });
});
