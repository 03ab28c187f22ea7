import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { evaluateImages } from '../../../src/builder/nix/evaluate-images.ts';
import { nixSettings } from '../../../src/builder/nix/settings.ts';
import type { ImageRequest } from '../../../src/core/guest.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { containerImage, vmImage } from '../../contracts/builder.ts';

const source = { mirror: '/srv/mirror.git', ref: 'refs/proxnix/r-1', rev: 'a'.repeat(40) };
const drv = `/nix/store/${'0'.repeat(32)}-x`;

/** What a Nix does with a batch of images. */
interface Behaviour {
  /** These fail with an error that names them, in the order of the batch. */
  readonly named?: Readonly<Record<string, string>>;
  /** These end the process with a plain line that names nothing. */
  readonly overflows?: readonly string[];
  /** More images than these in one process are more than the memory. */
  readonly most?: number;
  /** The flake itself fails. */
  readonly flake?: string;
  /** The facts of these fail with an error that says so. */
  readonly facts?: Readonly<Record<string, string>>;
  /** With the facts of any image it prints more than an answer may have, takes for ever, or tells an error without an image. */
  readonly withFacts?: 'too much' | 'for ever' | 'unnamed';
}

const program = (behaviour: Behaviour) => `#!${process.execPath}
const { appendFileSync } = require('node:fs');
const behaviour = ${JSON.stringify(behaviour)};
const places = [...process.argv.at(-1).matchAll(/title = "([^"]+)".*?facts = (true|false); }/g)];
const titles = places.map(([, title]) => title);
const hasFacts = new Set(places.flatMap(([, title, facts]) => (facts === 'true' ? [title] : [])));
const asked = places.map(([, title]) => title + (hasFacts.has(title) ? '' : ' bare'));
appendFileSync(__dirname + '/asked', asked.join(',') + '\\n');
const fail = (raw_msg, trace = []) => {
  process.stderr.write('@nix ' + JSON.stringify({ action: 'msg', level: 0, raw_msg, trace }) + '\\n');
  process.exit(1);
};
const plain = (line) => { process.stderr.write(line + '\\n'); process.exit(1); };
if (behaviour.flake) fail(behaviour.flake);
if (titles.length > (behaviour.most ?? Infinity)) {
  process.stderr.write('@nix ' + JSON.stringify({ action: 'msg', level: 0, msg: 'error: out of memory' }) + '\\n');
  process.exit(1);
}
if (hasFacts.size > 0) {
  if (behaviour.withFacts === 'too much') process.stdout.write('"' + 'x'.repeat(9 * 1024 * 1024));
  if (behaviour.withFacts === 'for ever') for (;;);
  if (behaviour.withFacts === 'unnamed') fail('JSON serialization error: invalid UTF-8 byte');
}
for (const title of titles) {
  const trace = [{ raw_msg: 'proxnix facts of ' + title }, { raw_msg: 'proxnix image ' + title }];
  if (behaviour.facts?.[title] && hasFacts.has(title)) fail(behaviour.facts[title], trace);
  if (behaviour.named?.[title]) fail(behaviour.named[title], [{ raw_msg: 'proxnix image ' + title }]);
  if (behaviour.overflows?.includes(title)) plain('error: stack overflow (possible infinite recursion)');
}
const facts = (title) => (hasFacts.has(title) ? { facts: { release: '25.05', users: null, timers: 'no list' } } : {});
const images = titles.map((title) => ({ drv: '${drv}.drv', out: '${drv}', file: null, ...facts(title) }));
process.stdout.write(JSON.stringify({ known: titles, images }));
`;

/** Asks a Nix that behaves so. @returns what was asked of it, a batch a line, and what came of it */
async function ask(
  wanted: readonly ImageRequest[],
  behaviour: Behaviour,
  more: { readonly batchSize?: number; readonly workers?: number; readonly evalTimeoutMs?: number } = {},
) {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-images-'));
  onTestFinished(() => removeTree(dir));
  await writeFile(join(dir, 'package.json'), '{"type":"commonjs"}');
  await writeFile(join(dir, 'nix'), program(behaviour));
  await chmod(join(dir, 'nix'), 0o755);
  const settings = nixSettings({ dir, nixBinDir: dir, evalSandbox: false, workers: 1, ...more });
  const warned: string[] = [];
  const warn = (text: string) => void warned.push(text);
  const result: unknown = await evaluateImages(settings, source, wanted, { warn }).catch((error: unknown) => error);
  const asked = (await readFile(join(dir, 'asked'), 'utf8')).trim().split('\n');
  return { result, asked, warned };
}

const eight = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(vmImage);

it('an image that fails is named, and the rest goes on without it: one evaluation, and one for each failure', async () => {
  const { result, asked } = await ask(eight, { named: { c: 'no certificate', g: 'no token' } });
  expect(asked).toEqual(['a,b,c,d,e,f,g,h', 'a,b,d,e,f,g,h', 'a,b,d,e,f,h']);
  expect(result).toMatchObject({
    message: 'These images do not evaluate: c, g.',
    details: ['The image c does not evaluate: no certificate.', 'The image g does not evaluate: no token.'],
  });
});

it('more images that fail than a card shows are all in the file beside it', async () => {
  const many = Array.from({ length: 15 }, (_, index) => vmImage(`image${index}`));
  const named = Object.fromEntries(many.map(({ type }) => [type, `no token for ${type}`]));
  const { result } = await ask(many, { named });
  expect(result).toMatchObject({ log: expect.stringContaining('no token for image14') });
  expect(Reflect.get(Object(result), 'details')).toHaveLength(12);
});

it('the container image of a type fails, and the VM image of it does not', async () => {
  const { result, asked } = await ask([vmImage('a'), containerImage('a')], { named: { 'a (container)': 'no init' } });
  expect(asked).toEqual(['a,a (container)', 'a']);
  expect(result).toMatchObject({ message: 'The image a (container) does not evaluate: no init.' });
});

it('an error that names nothing is looked for one by one', async () => {
  const { result, asked } = await ask(['a', 'b', 'c'].map(vmImage), { overflows: ['b'] });
  expect(asked).toEqual(['a,b,c', 'a', 'b', 'b bare', 'c']);
  expect(result).toMatchObject({ message: expect.stringMatching(/^The image b does not evaluate: .*stack overflow/) });
});

it('memory that ran out is not tried again with as many', async () => {
  const { result, asked } = await ask(eight, { most: 4 });
  expect(asked).toEqual(['a,b,c,d,e,f,g,h', 'a,b,c,d', 'e,f,g,h']);
  expect(result).toHaveLength(8);
  const none = await ask(['a', 'b'].map(vmImage), { most: 0 });
  expect(none.asked).toEqual(['a,b', 'a', 'a bare', 'b', 'b bare']);
  expect(none.result).toMatchObject({
    message: 'The images a, b do not evaluate, all for one reason: The evaluation needs more memory than there is.',
    next: expect.stringContaining('NIX_EVAL_MEMORY'),
    mayPass: true,
  });
});

it.each([
  ['SQLite database /nix/var/nix/db/db.sqlite is busy', true],
  ['writing to file: No space left on device', true],
  ['undefined variable x', false],
])('of "%s" it is told whether it may pass without another commit', async (flake, mayPass) => {
  expect((await ask(eight, { flake })).result).toMatchObject({ mayPass });
  const named = { a: flake };
  expect((await ask([vmImage('a')], { named })).result).toMatchObject({ mayPass });
});

it('an error of the whole flake is told after one evaluation with facts and one without, also of one image', async () => {
  for (const wanted of [eight, [vmImage('a')]]) {
    const { result, asked } = await ask(wanted, { flake: 'no lib' });
    expect(asked).toHaveLength(2);
    expect(result).toMatchObject({ message: 'The flake of commit aaaaaaa does not evaluate: no lib.' });
  }
});

it('errors with the same first line and another end stay two', async () => {
  const failed = (why: string) => `\nFailed assertions:\n- ${why}`;
  const two = await ask(['a', 'b'].map(vmImage), { named: { a: failed('no certificate'), b: failed('no token') } });
  expect(two.result).toMatchObject({
    details: expect.arrayContaining([
      'The image a fails a check of NixOS: no certificate.',
      'The image b fails a check of NixOS: no token.',
    ]),
  });
  const one = await ask(['a', 'b'].map(vmImage), { named: { a: failed('no token'), b: failed('no token') } });
  expect(one.result).toMatchObject({
    message: 'The images a, b fail a check of NixOS, all for one reason: no token.',
  });
});

it('images are spread over the workers, both kinds of a type in one process', async () => {
  const spread = async (wanted: readonly ImageRequest[], more: object) => {
    const { asked } = await ask(wanted, {}, { workers: 2, ...more });
    return new Set(asked);
  };
  expect(await spread(eight.slice(0, 4), {})).toEqual(new Set(['a,b', 'c,d']));
  expect(await spread(eight.slice(0, 3), {})).toEqual(new Set(['a,b', 'c']));
  expect(await spread(eight, { batchSize: 3 })).toEqual(new Set(['a,b,c', 'd,e,f', 'g,h']));
  expect(await spread([vmImage('a'), vmImage('b'), containerImage('a')], {})).toEqual(
    new Set(['a,a (container)', 'b']),
  );
  expect(await spread([vmImage('a'), containerImage('a')], { batchSize: 1 })).toEqual(new Set(['a', 'a (container)']));
});

const factsOf = (result: unknown) => (result as { facts?: unknown }[]).map(({ facts }) => facts);

it('facts stand beside their image; what has another shape is not known', async () => {
  const { result, warned } = await ask([vmImage('a')], {});
  expect(result).toEqual([
    { image: expect.objectContaining({ type: 'a', drvPath: `${drv}.drv` }), facts: { release: '25.05' } },
  ]);
  expect(warned).toEqual([]);
});

it('facts that fail are left out of that image alone, and a warning says so', async () => {
  const { result, asked, warned } = await ask(['a', 'b', 'c'].map(vmImage), { facts: { b: 'value is a set\nhere' } });
  expect(asked).toEqual(['a,b,c', 'a,b bare,c']);
  expect(factsOf(result)).toEqual([{ release: '25.05' }, undefined, { release: '25.05' }]);
  expect(warned).toEqual(['What is inside of b is not known: value is a set']);
});

it('an image that fails says the same, whether its facts do or not', async () => {
  const named = { b: 'no certificate' };
  const { result: alone } = await ask(['a', 'b'].map(vmImage), { named });
  const { result, warned } = await ask(['a', 'b'].map(vmImage), { named, facts: { b: 'value is a set' } });
  expect(result).toEqual(alone);
  expect(result).toMatchObject({ message: 'The image b does not evaluate: no certificate.' });
  expect(warned).toEqual([]);
});

it.each([
  ['too much', 'The evaluation of a, b gave more than 8 MiB.'],
  ['for ever', 'The evaluation of a, b took longer than 3 s and was stopped.'],
  ['unnamed', 'JSON serialization error: invalid UTF-8 byte'],
] as const)('an evaluation that gives %s with facts is done without them', async (withFacts, why) => {
  const { result, asked, warned } = await ask(['a', 'b'].map(vmImage), { withFacts }, { evalTimeoutMs: 3000 });
  expect(asked).toEqual(['a,b', 'a bare,b bare']);
  expect(factsOf(result)).toEqual([undefined, undefined]);
  expect(warned).toEqual(['a', 'b'].map((name) => `What is inside of ${name} is not known: ${why}`));
});
