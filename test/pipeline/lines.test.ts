import { afterEach, expect, it, vi } from 'vitest';
import { aBench } from '../support/pipeline.ts';

const draws = vi.hoisted(() => ({ count: 0 }));
vi.mock('../../src/views/run-card.ts', async (original) => {
  const { runCard } = await original<typeof import('../../src/views/run-card.ts')>();
  return {
    runCard: (...args: Parameters<typeof runCard>) => {
      draws.count += 1;
      return runCard(...args);
    },
  };
});

afterEach(() => {
  draws.count = 0;
});

it('a build of ten thousand lines draws a card only where one is shown, and the last line is on it', async () => {
  const bench = await aBench();
  await bench.push(1);
  const build = bench.builder.build.bind(bench.builder);
  let shownBefore = 0;
  bench.builder.build = async (images, monitor, signal) => {
    shownBefore = bench.chat.messages.flatMap(({ cards }) => cards).length;
    draws.count = 0;
    for (let line = 1; line <= 10_000; line++) monitor.line('website', `line ${line}`);
    monitor.progress(1, 1, [], []);
    return build(images, monitor, signal);
  };
  await bench.apply();
  const shown = bench.chat.messages.flatMap(({ cards }) => cards).length - shownBefore;
  expect(draws.count).toBeGreaterThan(0);
  expect(draws.count).toBeLessThanOrEqual(shown + 2);
  const { steps } = bench.run('applied');
  const output = steps.find(({ step }) => step.kind === 'build')?.output ?? [];
  expect(output).toContain('website> line 10000');
  expect(bench.text()).toMatch(/^Applied/);
});

it('a line of megabytes is kept in short', async () => {
  const bench = await aBench();
  await bench.push(1);
  const build = bench.builder.build.bind(bench.builder);
  bench.builder.build = async (images, monitor, signal) => {
    for (let line = 0; line < 40; line++) monitor.line('website', 'x'.repeat(4_000_000));
    return build(images, monitor, signal);
  };
  await bench.apply();
  expect(JSON.stringify(bench.run('applied')).length).toBeLessThan(60_000);
});
