import { describe, expect, it } from 'vitest';
import { UserError } from '../src/core/errors.ts';
import { createLog, type LogOptions } from '../src/log.ts';
import { createGate, Secret } from '../src/secret.ts';

const canary = 'canary "with" \\ and ünicode';

function aLog(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({
    gate: createGate([new Secret(canary)], []),
    pretty: false,
    now: () => Date.UTC(2024, 4, 1, 12, 0, 5),
    destination: { write: (line: string) => lines.push(line) },
    ...options,
  });
  return { log, lines };
}

describe('as JSON', () => {
  it('writes one object a line, with the level by name', () => {
    const { log, lines } = aLog();
    log.info({ run: 'r-1', vmid: 823 }, 'step done');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: '2024-05-01T12:00:05.000Z',
      run: 'r-1',
      vmid: 823,
      msg: 'step done',
    });
  });

  it('takes secrets out of messages, fields, keys, children and stacks, and stays JSON', () => {
    const { log, lines } = aLog();
    const err = new UserError(`refused: ${canary}`, { details: [`line ${canary}`], cause: new Error(canary) });
    log.child({ child: canary }).warn({ deep: [{ value: `a ${canary} b` }], [canary]: 1, err }, `said ${canary}`);
    log.error({ secret: new Secret(canary) }, 'a secret as a field');
    for (const line of lines) {
      expect(line).not.toContain('canary');
      expect(line).toContain('[secret]');
      expect(() => JSON.parse(line)).not.toThrow();
    }
  });

  it('writes some KiB of a text of megabytes', () => {
    const { log, lines } = aLog();
    const long = 'größe '.repeat(500_000);
    log.error({ long, list: [long], err: new Error(long) }, long);
    expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThan(100_000);
    expect(JSON.parse(lines[0] ?? '').long).toMatch(/^größe .*…$/);
  });

  it('keeps the stack of an error', () => {
    const { log, lines } = aLog();
    log.error({ err: new TypeError('no such thing') }, 'unexpected');
    expect(JSON.parse(lines[0] ?? '').err).toMatchObject({ type: 'TypeError', message: 'no such thing' });
    expect(JSON.parse(lines[0] ?? '').err.stack).toContain('log.test.ts');
  });

  it('is silent below its level', () => {
    const { log, lines } = aLog({ level: 'warn' });
    log.info('not this');
    log.warn('but this');
    expect(lines).toHaveLength(1);
  });
});

describe('for people', () => {
  it('writes one line', () => {
    const { log, lines } = aLog({ pretty: true });
    log.warn({ ref: 'refs/heads/main', why: 'wrong signature', push: { after: 'a1' } }, 'webhook refused');
    expect(lines).toEqual([
      '12:00:05 warn  webhook refused  ref=refs/heads/main  why="wrong signature"  push={"after":"a1"}\n',
    ]);
  });

  it('puts the stack below the line, without secrets', () => {
    const { log, lines } = aLog({ pretty: true });
    log.error({ err: new Error(`it broke: ${canary}`), run: 'r-1' }, 'unexpected');
    expect(lines[0]).toMatch(/^12:00:05 error unexpected {2}run=r-1\n {4}Error: it broke: \[secret\]\n {4}at /);
    expect(lines[0]).not.toContain('canary');
  });

  it('lets no text from outside colour the terminal, begin a line or turn the direction of writing', () => {
    const { log, lines } = aLog({ pretty: true });
    const evil = 'x\u001b[31m\r\n12:00:05 info  approved \u009b2J\u202e\u2028';
    log.info({ evil, [evil]: 1, err: new Error(evil.replaceAll(/\r?\n/g, '')) }, `said ${evil}`);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2028\u2029]/u);
    expect(lines[0]?.split('\n').filter((line) => line.startsWith('12:00:05'))).toHaveLength(1);
  });

  it('shows an error that is only a text', () => {
    const { log, lines } = aLog({ pretty: true });
    log.error({ err: 'thrown text' }, 'unexpected');
    expect(lines[0]).toContain('err="thrown text"');
  });
});
