import { describe, expect, it } from 'vitest';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { recordedLines } from './recorded.ts';

describe('parseLine', () => {
  it('keeps ids apart that are larger than numbers are exact', () => {
    const lines = recordedLines('build-ok-large-ids.nix-2.18.9.jsonl');
    const written = new Set(lines.flatMap((line) => /"action":"start".*"id":(\d+)/.exec(line)?.[1] ?? []));
    const read = lines.flatMap((line) => {
      const event = parseLine(line);
      return event?.kind === 'start' ? [event.id] : [];
    });
    expect(new Set(read)).toEqual(written);
    expect(written.size).toBe(new Set(read).size);
    expect(new Set([...written].map(Number)).size).toBeLessThan(written.size);
  });

  it('keeps a line that is no JSON as text', () => {
    expect(parseLine('warning: Git tree is dirty')).toEqual({ kind: 'text', text: 'warning: Git tree is dirty' });
    expect(parseLine('@nix {"action":')).toEqual({ kind: 'text', text: '@nix {"action":' });
  });

  it('ignores actions it does not know and shapes it does not expect', () => {
    expect(parseLine('@nix {"action":"dance","id":1}')).toBeUndefined();
    expect(parseLine('@nix {"action":"start"}')).toBeUndefined();
    expect(parseLine('@nix 7')).toBeUndefined();
  });

  it('takes colours and control characters out, and hides nothing behind a carriage return', () => {
    const line = (text: string) => parseLine(`@nix ${JSON.stringify({ action: 'msg', level: 3, msg: text })}`);
    expect(line('\x1b[31;1merror:\x1b[0m größe\x07')).toMatchObject({ text: 'größe' });
    expect(line('the real error\rall is well')).toMatchObject({ text: 'the real error\nall is well' });
    expect(line('a\x1b]8;;https://example.org\x07link\x1b]8;;\x07')).toMatchObject({ text: 'alink' });
  });
});
