import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines, readText } from '../../src/lib/streams.ts';

async function linesOf(chunks: readonly Uint8Array[], maxBytes: number): Promise<string[]> {
  const lines: string[] = [];
  await readLines(Readable.from(chunks), maxBytes, (line) => lines.push(line));
  return lines;
}

/** Bytes in pieces, cut anywhere. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const anyLines = fc
  .array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constantFrom('\n', '\r', '\r\n', 'ü', '🚀')))
  .map((parts) => parts.join(''));

describe('readLines', () => {
  it('reads the lines of a stream that comes in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(anyLines, fc.array(fc.nat(), { maxLength: 20 }), async (text, cuts) => {
        const lines = await linesOf(pieces(Buffer.from(text), cuts), 1_000_000);
        expect(lines).toEqual(
          Buffer.from(text)
            .toString()
            .split(/[\r\n]/)
            .filter((line) => line !== ''),
        );
      }),
    );
  });

  it('holds no more of a line than it may, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(anyLines, fc.array(fc.nat()), fc.integer({ min: 1, max: 20 }), async (text, cuts, max) => {
        const whole = await linesOf([Buffer.from(text)], 1_000_000);
        const lines = await linesOf(pieces(Buffer.from(text), cuts), max);
        expect(lines).toHaveLength(whole.length);
        for (const [index, line] of lines.entries()) {
          const full = whole[index] ?? '';
          if (Buffer.byteLength(full) <= max) expect(line).toBe(full);
          else {
            expect(line.endsWith('…')).toBe(true);
            expect(full.startsWith(line.slice(0, -1))).toBe(true);
            expect(Buffer.byteLength(line.slice(0, -1))).toBeLessThanOrEqual(max);
            expect(line).not.toContain('\ufffd');
          }
        }
      }),
    );
  });

  it('makes a line of each state of a progress bar, and of a last line without its end', async () => {
    expect(await linesOf([Buffer.from('10 %\r20 %\r'), Buffer.from('\n\nend')], 100)).toEqual(['10 %', '20 %', 'end']);
  });

  it('takes what it needs of a stream without an end, and drops the rest', async () => {
    const chunk = Buffer.alloc(65_536, 'a');
    let given = 0;
    async function* endless() {
      for (; given < 8192; given++) yield chunk;
    }
    const lines: string[] = [];
    const before = process.memoryUsage().arrayBuffers;
    await readLines(endless(), 1000, (line) => lines.push(line));
    expect(given).toBe(8192);
    expect(lines).toEqual([`${'a'.repeat(1000)}…`]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('gives the event loop its turn among very many lines', async () => {
    let turns = 0;
    let over = false;
    const turn = () => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    let lines = 0;
    await readLines(Readable.from([Buffer.from('x\n'.repeat(50_000))]), 100, () => {
      lines += 1;
    });
    over = true;
    expect(lines).toBe(50_000);
    expect(turns).toBeGreaterThanOrEqual(49);
  });

  it('closes the stream when its reader throws', async () => {
    const stream = Readable.from([Buffer.from('a\n'), Buffer.from('b\n')]);
    const read = readLines(stream, 100, () => {
      throw new Error('reader is broken');
    });
    await expect(read).rejects.toThrow(/reader is broken/);
    expect(stream.destroyed).toBe(true);
  });
});

describe('readText', () => {
  it('reads a text whole, and no more of a longer one than it may', async () => {
    const text = 'größe\nund mehr';
    const bytes = Buffer.from(text);
    expect(await readText(Readable.from(pieces(bytes, [3, 4])), 100)).toBe(text);
    expect(await readText(Readable.from(pieces(bytes, [3])), 3)).toBe('gr…');
  });
});
