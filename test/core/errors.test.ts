import { describe, expect, it } from 'vitest';
import { toFailure, UserError } from '../../src/core/errors.ts';

describe('what a run keeps of an error', () => {
  it('is all of an error that is meant for people, without its cause', () => {
    const error = new UserError('It broke.', { next: 'Mend it.', details: ['line'], cause: new Error('secret') });
    expect(toFailure(error)).toEqual({ message: 'It broke.', next: 'Mend it.', details: ['line'] });
    expect(toFailure(new UserError('It broke.'))).toEqual({ message: 'It broke.', details: [] });
  });

  it.each([[new TypeError('token=abc')], ['token=abc'], [undefined], [{ message: 'token=abc' }]])(
    'is nothing of the text of a bug: %s',
    (bug) => {
      expect(toFailure(bug)).toEqual({
        message: 'An unexpected error inside proxnix.',
        next: 'The log of the bot has the whole story.',
        details: [],
      });
    },
  );

  it('is some KiB, however much was said', () => {
    const megabytes = 'größe '.repeat(700_000);
    const details = Array.from({ length: 5000 }, (_, index) => `${index} ${megabytes}`);
    const failure = toFailure(new UserError(megabytes, { next: megabytes, details }));
    expect(Buffer.byteLength(JSON.stringify(failure))).toBeLessThan(10_000);
    expect(failure.message).toMatch(/^größe .*…$/s);
    expect(failure.next).toMatch(/^größe .*…$/s);
    // Logs end with what went wrong: the newest lines stay.
    expect(failure.details[0]).toMatch(/^… \d+ more lines before these$/);
    expect(failure.details.at(-1)).toMatch(/^4999 größe .*…$/s);
  });

  it('is all that was said, where that is short', () => {
    const details = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    expect(toFailure(new UserError('It broke.', { details })).details).toEqual(details);
    const more = toFailure(new UserError('It broke.', { details: ['line', ...details] })).details;
    expect(more).toEqual(['… 1 more line before these', ...details]);
  });
});
