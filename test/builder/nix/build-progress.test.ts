import { describe, expect, it } from 'vitest';
import { BuildProgress } from '../../../src/builder/nix/build.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { aMonitor } from '../../contracts/builder.ts';
import { recordedLines } from './recorded.ts';

function follow(name: string) {
  const seen = aMonitor();
  const progress = new BuildProgress(seen.monitor);
  for (const line of recordedLines(name)) {
    const event = parseLine(line);
    if (event !== undefined) progress.event(event);
  }
  return { ...seen, progress };
}

const names = (progress: BuildProgress) =>
  [...progress.failed().keys()].map((drv) => drv.replace(/^\/nix\/store\/(.{4})[^-]*-/, '$1 '));

describe('BuildProgress', () => {
  it.each([
    ['build-ok.nix-2.8.0.jsonl', 6, 6],
    ['build-ok-large-ids.nix-2.18.9.jsonl', 4, 4],
    ['build-remote-builder.nix-2.8.0.jsonl', 4, 4],
    ['build-partly-from-cache.nix-2.18.9.jsonl', 2, 2],
    ['build-keep-going-failures.nix-2.18.9.jsonl', 3, 6],
    ['build-keep-going-failures-daemon.nix-2.8.0.jsonl', 3, 6],
    ['build-hash-mismatch.nix-2.18.9.jsonl', 0, 1],
    ['build-timeout.nix-2.8.0.jsonl', 0, 1],
  ])('of %s ends at %i of %i, climbs by ones and never goes back', (name, done, total) => {
    const { bars } = follow(name);
    expect(bars.at(-1)).toMatchObject({ done, total });
    expect(new Set(bars.map((bar) => bar.total))).toEqual(new Set([total]));
    const steps = bars.slice(1).map((bar, index) => bar.done - (bars[index]?.done ?? 0));
    expect(Math.min(...steps, 0)).toBe(0);
    expect(Math.max(...steps, 0)).toBe(done === 0 ? 0 : 1);
  });

  it.each([
    ['build-keep-going-failures.nix-2.18.9.jsonl', ['nixos-disk-image', 'nixos-rootfs-db']],
    ['build-keep-going-failures-daemon.nix-2.8.0.jsonl', ['nixos-disk-image', 'nixos-rootfs-db']],
    ['build-hash-mismatch.nix-2.18.9.jsonl', ['source.tar.gz']],
    ['build-timeout.nix-2.8.0.jsonl', ['silent-image']],
    ['build-ok.nix-2.8.0.jsonl', []],
  ])('names what failed in %s as soon as Nix does, and never as being built', (name, failed) => {
    const { bars } = follow(name);
    expect([...(bars.at(-1)?.failed ?? [])].sort()).toEqual(failed);
    const whileBuilding = bars.filter((bar) => bar.running.length > 0 && bar.failed.length > 0);
    for (const bar of whileBuilding) expect(bar.running.some((one) => bar.failed.includes(one))).toBe(false);
  });

  it('names a failure while another derivation is still built', () => {
    const { bars } = follow('build-keep-going-failures.nix-2.18.9.jsonl');
    expect(bars.some((bar) => bar.failed.length > 0 && bar.running.length > 0)).toBe(true);
  });

  it('says nothing when there is nothing to build', () => {
    const { bars, lines, progress } = follow('build-nothing-to-do.nix-2.8.0.jsonl');
    progress.finish();
    expect({ bars, lines }).toEqual({ bars: [], lines: [] });
  });

  it('names what is built now, each derivation once', () => {
    const { bars } = follow('build-remote-builder.nix-2.8.0.jsonl');
    const most = Math.max(...bars.map((bar) => bar.running.length));
    expect(most).toBeGreaterThan(0);
    for (const { running } of bars) expect(new Set(running).size).toBe(running.length);
    expect(bars.flatMap((bar) => bar.running)).toContain('nixos-rootfs-web');
  });

  it('gives each line of a builder with its derivation', () => {
    const { lines } = follow('build-keep-going-failures.nix-2.18.9.jsonl');
    expect(lines).toContain('nixos-rootfs-cache: collecting the files of cache');
    expect(lines).toContain('nixos-disk-image: mkfs: größe: unknown unit');
  });

  it.each(['build-keep-going-failures.nix-2.18.9.jsonl', 'build-keep-going-failures-daemon.nix-2.8.0.jsonl'])(
    'finds what failed and its log in %s',
    (name) => {
      const { progress } = follow(name);
      const failed = progress.failed();
      const logs = [...failed].filter(([, log]) => log.length > 0);
      expect(logs.map(([drv]) => drv.slice(11, 15)).sort()).toEqual(['471l', 'ls84']);
      expect(logs.find(([drv]) => drv.includes('471l'))?.[1].at(-1)).toContain("package 'postgres' not found");
      expect(logs.find(([drv]) => drv.includes('ls84'))?.[1].at(-1)).toBe('mkfs: größe: unknown unit');
    },
  );

  it.each([
    ['build-hash-mismatch.nix-2.18.9.jsonl', '8d7x source.tar.gz.drv'],
    ['build-timeout.nix-2.8.0.jsonl', 'nqz9 silent-image.drv'],
  ])('finds what failed without a line in %s', (name, drv) => {
    expect(names(follow(name).progress)).toEqual([drv]);
  });

  it('finds no failure in a build that was cancelled', () => {
    expect(names(follow('build-cancelled.nix-2.8.0.jsonl').progress)).toEqual([]);
  });

  it('does not believe a log line that names another derivation', () => {
    const progress = new BuildProgress(aMonitor().monitor);
    const other = `/nix/store/${'0'.repeat(32)}-innocent.drv`;
    const broken = `/nix/store/${'1'.repeat(32)}-broken.drv`;
    const text = `builder for '${broken}' failed with exit code 1;\n       last 1 log lines:\n       > error: builder for '${other}' failed`;
    progress.event({ kind: 'message', level: 0, text, at: { text }, trace: [] });
    expect([...progress.failed().keys()]).toEqual([broken]);
  });

  it('keeps the last 50 lines of a derivation', () => {
    const progress = new BuildProgress(aMonitor().monitor);
    const drv = `/nix/store/${'1'.repeat(32)}-chatty.drv`;
    progress.event({ kind: 'start', id: '1', type: 105, fields: [drv, '', 1, 1] });
    for (let line = 1; line <= 120; line++)
      progress.event({ kind: 'result', id: '1', type: 101, fields: [`line ${line}`] });
    const text = `builder for '${drv}' failed with exit code 1`;
    progress.event({ kind: 'message', level: 0, text, at: { text }, trace: [] });
    const log = progress.failed().get(drv);
    expect(log?.[0]).toBe('line 71');
    expect(log).toHaveLength(50);
  });
});

describe('a builder that talks without end', () => {
  const drv = `/nix/store/${'0'.repeat(32)}-web.drv`;

  it('leaves the newest errors, and no more of them than may be held', () => {
    const progress = new BuildProgress(aMonitor().monitor);
    for (let n = 0; n < 1000; n++) {
      progress.event({ kind: 'message', level: 0, text: `${n} ${'x'.repeat(16_000)}`, at: { text: '' }, trace: [] });
    }
    progress.event({ kind: 'text', text: `error: builder of '${drv}' failed` });
    expect(progress.errors().join('').length).toBeLessThan(1_100_000);
    expect(progress.errors().at(-1)).toBe(`builder of '${drv}' failed`);
    expect([...progress.failed().keys()]).toEqual([drv]);
  });

  it('shows of a progress bar its last state', () => {
    const seen: string[] = [];
    const progress = new BuildProgress({ progress: () => undefined, line: (_, text) => void seen.push(text) });
    progress.event({ kind: 'start', id: '1', type: 105, fields: [drv] });
    progress.event({ kind: 'result', id: '1', type: 101, fields: ['10 %\r20 %\r\u001b[32m100 %\u001b[0m\r'] });
    expect(seen).toEqual(['100 %']);
  });
});
