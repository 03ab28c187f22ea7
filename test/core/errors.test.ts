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
});
