import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';

/** One file that names another one, or a package. */
export interface Import {
  /** A path from the top of the checkout: `src/core/plan.ts`. */
  readonly from: string;
  /** A path from the top of the checkout, or the specifier of a package: `discord.js`, `node:crypto`. */
  readonly to: string;
  /** `type` is erased by the compiler, `dynamic` is loaded when the line is reached, `value` at the start. */
  readonly kind: 'value' | 'type' | 'dynamic';
}

/** Every TypeScript file below some folders, by its path from `root`. */
export function sourcesBelow(root: string, folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file}`),
  );
}

/** Every import of some files. */
export function readImports(root: string, files: readonly string[]): readonly Import[] {
  return files.flatMap((file) => importsOf(file, readFileSync(path.join(root, file), 'utf8')));
}

/**
 * Every import of one file in any form: `import`, `import type`, `import x = require()`, `export … from`, `import()` as an
 * expression and as a type, `require()`. An import whose specifier is no literal throws, because nothing can check it.
 */
export function importsOf(from: string, text: string): readonly Import[] {
  const { program, errors } = parseSync(from, text);
  if (errors.length > 0) throw new Error(`${from} cannot be parsed: ${errors[0]?.message}`);
  const found: Import[] = [];
  visit(program, (node) => {
    const one = readNode(node);
    if (one === undefined) return;
    if (one.specifier === undefined) throw new Error(`${from} imports something that is not a literal`);
    const isRelative = one.specifier.startsWith('.');
    const to = isRelative ? path.posix.join(path.posix.dirname(from), one.specifier) : one.specifier;
    found.push({ from, to, kind: one.kind });
  });
  return found;
}

type Node = Readonly<Record<string, unknown>>;

function readNode(node: Node): { readonly specifier: string | undefined; readonly kind: Import['kind'] } | undefined {
  // `import { type A } from` counts as a value: the compiler keeps the import itself.
  const kind = node['importKind'] === 'type' || node['exportKind'] === 'type' ? 'type' : 'value';
  switch (node['type']) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
      return { specifier: literal(node['source']), kind };
    case 'ExportNamedDeclaration':
      return isNode(node['source']) ? { specifier: literal(node['source']), kind } : undefined;
    case 'TSImportEqualsDeclaration': {
      const { moduleReference: from } = node;
      const isFile = isNode(from) && from['type'] === 'TSExternalModuleReference';
      return isFile ? { specifier: literal(from['expression']), kind } : undefined;
    }
    case 'ImportExpression':
      return { specifier: literal(node['source']), kind: 'dynamic' };
    case 'TSImportType':
      return { specifier: literal(node['source']), kind: 'type' };
    case 'CallExpression': {
      const { callee, arguments: given } = node;
      if (!isNode(callee) || callee['name'] !== 'require' || !Array.isArray(given)) return undefined;
      return { specifier: literal(given[0]), kind: 'value' };
    }
    default:
      return undefined;
  }
}

function literal(node: unknown): string | undefined {
  return isNode(node) && typeof node['value'] === 'string' ? node['value'] : undefined;
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see);
  if (!isNode(value)) return;
  see(value);
  for (const child of Object.values(value)) if (typeof child === 'object') visit(child, see);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}

/** Groups of files that import each other, by values or types, each sorted by name. */
export function cyclesOf(imports: readonly Import[]): readonly (readonly string[])[] {
  const next = byFile(imports);
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const cycles: string[][] = [];
  // Tarjan's strongly connected components.
  const enter = (file: string) => {
    const at = order.size;
    order.set(file, at);
    low.set(file, at);
    open.push(file);
    for (const { to } of next.get(file) ?? []) {
      if (!order.has(to)) enter(to);
      if (open.includes(to)) low.set(file, Math.min(low.get(file) ?? at, low.get(to) ?? at));
    }
    if (low.get(file) !== at) return;
    const group = open.splice(open.indexOf(file));
    const isSelf = (next.get(file) ?? []).some(({ to }) => to === file);
    if (group.length > 1 || isSelf) cycles.push(group.toSorted());
  };
  for (const file of next.keys()) if (!order.has(file)) enter(file);
  return cycles;
}

/** What a file loads when it is loaded itself: files and packages, without what is only a type or is loaded later. */
export function loadedBy(start: string, imports: readonly Import[]): ReadonlySet<string> {
  const next = byFile(imports.filter(({ kind }) => kind === 'value'));
  const seen = new Set<string>([start]);
  for (const file of seen) for (const { to } of next.get(file) ?? []) seen.add(to);
  return seen;
}

function byFile(imports: readonly Import[]): ReadonlyMap<string, readonly Import[]> {
  const found = new Map<string, Import[]>();
  for (const one of imports) found.set(one.from, [...(found.get(one.from) ?? []), one]);
  return found;
}
