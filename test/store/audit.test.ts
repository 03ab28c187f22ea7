import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { AuditLog, firstBrokenLine } from '../../src/store/audit.ts';
import { aFolder } from './folder.ts';
import { anEntry } from './samples.ts';

/** An audit of five lines, written by two processes. */
async function fiveLines(): Promise<{ readonly file: string; readonly lines: readonly string[] }> {
  const file = path.join(await aFolder(), 'audit.jsonl');
  const first = new AuditLog(file);
  await Promise.all([1, 2, 3].map((n) => first.append(anEntry(n))));
  const second = new AuditLog(file);
  for (const n of [4, 5]) await second.append(anEntry(n, { detail: 'über "quoted"\nand a second line' }));
  const text = await readFile(file, 'utf8');
  return { file, lines: text.trimEnd().split('\n') };
}

describe('the audit', () => {
  it('is lines of JSON that say who did what, in the order in which it happened', async () => {
    const { lines } = await fiveLines();
    expect(lines.map((line) => JSON.parse(line).run)).toEqual(['r-1', 'r-2', 'r-3', 'r-4', 'r-5']);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject(anEntry(1));
  });

  it('fits together over a restart', async () => {
    const { lines } = await fiveLines();
    expect(firstBrokenLine(lines.join('\n'))).toBeUndefined();
    expect(firstBrokenLine('')).toBeUndefined();
  });

  it('shows a line that was changed, removed, added, doubled or moved', async () => {
    const { lines } = await fiveLines();
    const broken = (change: readonly string[]) => firstBrokenLine(change.join('\n'));
    for (let n = 0; n < lines.length; n++) {
      const line = lines[n] ?? '';
      const forged = line.replace('console:owner', 'console:other');
      expect(broken(lines.with(n, forged)), `changed line ${n + 1}`).toBe(n + 1);
      const left = lines.toSpliced(n, 1);
      // That the end was cut off can only be told by who knows the last hash.
      expect(broken(left), `removed line ${n + 1}`).toBe(n + 1 < lines.length ? n + 1 : undefined);
      expect(broken(lines.toSpliced(n, 0, line)), `doubled line ${n + 1}`).toBe(n + 2);
      expect(broken(lines.toSpliced(n, 0, '{"at":1}')), `added line ${n + 1}`).toBe(n + 1);
    }
    expect(broken(lines.toReversed())).toBe(1);
    expect(broken(['no JSON', ...lines])).toBe(1);
  });

  it('shows a line whose fields were put in another order or hidden twice', async () => {
    const { lines } = await fiveLines();
    const doubled = (lines[1] ?? '').replace('{"at":2,', '{"at":2,"at":3,');
    expect(firstBrokenLine(lines.with(1, doubled).join('\n'))).toBe(2);
  });

  it('goes on after a line that was cut off in the middle, which nobody was told was written', async () => {
    const { file, lines } = await fiveLines();
    await appendFile(file, '{"at":6,"action":"appr');
    const log = new AuditLog(file);
    await log.append(anEntry(7));
    const text = await readFile(file, 'utf8');
    expect(text.trimEnd().split('\n').length).toBeGreaterThan(lines.length);
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject(anEntry(7));
    expect(firstBrokenLine(text)).toBeUndefined();
  });

  it('goes on after a write that failed', async () => {
    const { file } = await fiveLines();
    const log = new AuditLog(file);
    await log.append(anEntry(6));
    const text = await readFile(file, 'utf8');
    await rm(file);
    const folder = path.join(path.dirname(file), 'gone');
    const broken = new AuditLog(path.join(folder, 'audit.jsonl'));
    await expect(broken.append(anEntry(1))).rejects.toThrow('ENOENT');
    await writeFile(file, text);
    await log.append(anEntry(7));
    expect(firstBrokenLine(await readFile(file, 'utf8'))).toBeUndefined();
  });
});
