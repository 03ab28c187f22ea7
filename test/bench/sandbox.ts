// What the sandbox of an evaluation costs a plan: the sample flake, evaluated with and without it in turn.
//   node src/build.mjs && node dist/test/bench/sandbox.js [pairs]
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { NixBuilder } from '../../src/builder/nix/nix.ts';
import { editImage } from '../../src/demo/edits.ts';
import { findNix } from '../../src/demo/private-store.ts';
import { createSampleRepository } from '../../src/demo/repository.ts';
import { removeTree } from '../../src/lib/system.ts';

const pairs = Number(process.argv[2] ?? 15);
const dir = await mkdtemp(join(tmpdir(), 'proxnix-bench-'));
try {
  const nix = await findNix(dir);
  if ('why' in nix) throw new Error(nix.why);
  const repository = await createSampleRepository(dir, { system: nix.system });
  const types = ['init', 'cp', 'worker', 'website'].map((name) => `build-qcow2-${name}`);
  const builders = {
    with: new NixBuilder({ ...nix.options, dir: join(dir, 'with') }),
    without: new NixBuilder({ ...nix.options, dir: join(dir, 'without'), evalSandbox: false }),
  };
  const times: Record<keyof typeof builders, number[]> = { with: [], without: [] };
  for (let pair = 0; pair <= pairs; pair++) {
    await editImage(repository, 'website');
    const rev = (await execa('git', ['--git-dir', repository.origin, 'rev-parse', 'refs/heads/main'])).stdout;
    await execa('git', ['--git-dir', repository.origin, 'update-ref', 'refs/proxnix/bench', rev]);
    const source = { mirror: repository.origin, ref: 'refs/proxnix/bench', rev };
    for (const which of pair % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
      const began = performance.now();
      await builders[which].fetchInputs(source);
      await builders[which].evaluateFleet(source);
      await builders[which].evaluateImages(
        source,
        types.map((type) => ({ kind: 'vm', type })),
      );
      if (pair > 0) times[which].push(performance.now() - began);
    }
  }
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const [boxed, bare] = [median(times.with), median(times.without)];
  console.log(`${pairs} pairs, one plan's evaluation: ${bare.toFixed(0)} ms without, ${boxed.toFixed(0)} ms with`);
  console.log(`ratio ${(boxed / bare).toFixed(2)}, ${(boxed - bare).toFixed(0)} ms more`);
} finally {
  await removeTree(dir);
}
