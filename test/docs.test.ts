import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDesired } from '../src/core/desired.ts';
import { nix } from './builder/nix/here.ts';
import { evaluated } from './support/nix-eval.ts';
import { readNix } from './support/nix-reader.ts';

const recipes = blocksOf('../.github/docs/recipes.md');
const entries = recipes.filter((text) => text.startsWith('proxnix.'));

/** The blocks of Nix of a page. */
function blocksOf(page: string): readonly string[] {
  const text = readFileSync(new URL(page, import.meta.url), 'utf8');
  return [...text.matchAll(/^```nix\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

function outputOf(block: string): unknown {
  return (readNix(`{ ${block} }`) as { readonly proxnix: unknown }).proxnix;
}

describe('the recipes', () => {
  it.each(entries.map((block) => [block.split(' ', 1)[0], block]))('%s is an entry of the contract', (_name, block) => {
    expect(parseDesired(outputOf(block))).toHaveLength(1);
  });

  it('can stand in one fleet', () => {
    expect(
      parseDesired(readNix(`{ ${entries.map((block) => block.replace(/^proxnix\./, '')).join('\n')} }`)),
    ).toHaveLength(6);
  });

  it.skipIf(nix === undefined)('are Nix, which reads them alike', async () => {
    const sets = recipes.map((block) => (block.startsWith('proxnix.') ? `{ ${block} }` : `(${block})`));
    expect(await evaluated(`[\n${sets.join('\n')}\n]`)).toEqual(
      sets.map((block) => readNix(block.replace(/^\((.*)\)$/s, '$1'))),
    );
  });
});

it('the entries of the README are those of the contract', () => {
  const blocks = blocksOf('../README.md').filter((text) => /^proxnix\.(?:vms|containers)\.\w+ = \{/.test(text));
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(parseDesired(outputOf(block))).toHaveLength(1);
});
