import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/chat/chat.ts';
import { readCommandLine, usage } from '../../src/chat/command-line.ts';

const option = (name: string, more: Partial<CommandSpec['options'][number]> = {}) => ({
  name,
  description: name,
  required: false,
  ...more,
});
const plan: CommandSpec = { name: 'plan', description: '', options: [option('fleet'), option('ref')] };
const reject: CommandSpec = {
  name: 'reject',
  description: '',
  options: [option('run', { required: true }), option('reason', { rest: true })],
};
const help: CommandSpec = { name: 'help', description: '', options: [] };
const commands = [plan, reject, help];

const read = (line: string) => readCommandLine(line, commands);
const command = (name: string, args: Record<string, string> = {}) => ({ kind: 'command', name, args });

describe('readCommandLine', () => {
  it.each([
    ['/proxnix plan main', command('plan', { fleet: 'main' })],
    ['plan main', command('plan', { fleet: 'main' })],
    ['  /PROXNIX   Plan  homelab   v1  ', command('plan', { fleet: 'homelab', ref: 'v1' })],
    ['/plan', command('plan')],
    ['plan "my fleet" "a \\"b\\""', command('plan', { fleet: 'my fleet', ref: 'a "b"' })],
    ['plan “my fleet”', command('plan', { fleet: 'my fleet' })],
    ['plan "" main', command('plan', { fleet: '', ref: 'main' })],
    ['reject r-1', command('reject', { run: 'r-1' })],
    ['reject r-1 not  today, thanks', command('reject', { run: 'r-1', reason: 'not  today, thanks' })],
    ['reject r-1 "not today"', command('reject', { run: 'r-1', reason: 'not today' })],
    ['reject r-1 the "big" one', command('reject', { run: 'r-1', reason: 'the "big" one' })],
    ['reject r-1 an "open quote', command('reject', { run: 'r-1', reason: 'an "open quote' })],
    ['/proxnix', command('help')],
    ['', command('help')],
    ['/proxnixplan', expect.objectContaining({ kind: 'note' })],
  ])('reads %j', (line, wanted) => {
    expect(read(line)).toEqual(wanted);
  });

  it('names the nearest command for an unknown one, and all of them', () => {
    expect(read('/proxnix plna')).toEqual({
      kind: 'note',
      text: 'There is no command "plna", did you mean "plan"? Commands: plan, reject, help.',
    });
  });

  it('says which argument is missing and how the command is written', () => {
    expect(read('reject')).toEqual({
      kind: 'note',
      text: 'reject needs <run>. Type /proxnix reject <run> [reason …].',
    });
  });

  it('refuses what is too much instead of dropping it', () => {
    expect(read('plan a b c')).toMatchObject({ kind: 'note', text: expect.stringContaining('"c" is too much') });
    expect(read('help me')).toMatchObject({ kind: 'note', text: expect.stringContaining('"me" is too much') });
  });

  it('says that a quote is not closed', () => {
    expect(read('plan "my fleet')).toMatchObject({ kind: 'note', text: expect.stringContaining('not closed') });
  });

  it('reads no line that is longer than anybody types', () => {
    const long = `reject r-1 ${'"a '.repeat(2_000_000)}`;
    expect(readCommandLine(long, commands)).toEqual({
      kind: 'note',
      text: 'The command is longer than 4000 characters.',
    });
    for (const text of [`status ${'x'.repeat(1500)} ${'y'.repeat(1500)}`, `status "${'x'.repeat(3000)}`]) {
      const line = readCommandLine(text, commands);
      expect(line.kind === 'note' ? line.text.length : 0).toBeLessThan(300);
    }
  });

  it('does not repeat a very long word', () => {
    const note = read('x'.repeat(5000));
    expect(note.kind === 'note' && note.text.length).toBeLessThan(150);
  });

  it('gives back every list of arguments that was written in quotes', () => {
    const words = fc.array(
      fc.string().filter((text) => !/["“”\\]/.test(text)),
      { minLength: 0, maxLength: 2 },
    );
    fc.assert(
      fc.property(words, (given) => {
        const read = readCommandLine(`plan ${given.map((word) => `"${word}"`).join(' ')}`, commands);
        expect(read.kind === 'command' && Object.values(read.args)).toEqual(given);
      }),
    );
  });

  it('takes any line without throwing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (line) => ['command', 'note'].includes(read(line).kind)));
  });
});

describe('usage', () => {
  it('shows what must and what may be given', () => {
    expect(usage(reject)).toBe('/proxnix reject <run> [reason …]');
    expect(usage(help)).toBe('/proxnix help');
  });
});
