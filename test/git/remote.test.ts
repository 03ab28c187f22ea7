import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { readRemote, withoutSecrets } from '../../src/git/run.ts';

describe('readRemote', () => {
  it.each([
    'https://example.org/owner/fleet.git',
    'http://example.org/owner/fleet.git',
    'ssh://git@example.org:2222/owner/fleet.git',
    'git@example.org:owner/fleet.git',
    'file:///srv/fleet.git',
    '/srv/fleet.git',
  ])('takes %s as it is', (url) => {
    expect(readRemote(url, undefined)).toEqual({ url, config: {}, secrets: [] });
  });

  it.each([
    'ext::sh -c id',
    '--upload-pack=id',
    '-oProxyCommand=id',
    'fd::7',
    'javascript:alert(1)',
    'fleet.git',
    '../fleet.git',
    'ftp://example.org/x',
    '-x@example.org:y',
    '',
  ])('refuses %j', (url) => {
    expect(() => readRemote(url, undefined)).toThrow(UserError);
  });

  it.each([
    'http://example.org/owner/fleet.git',
    'ssh://git@example.org/owner/fleet.git',
    'git@example.org:owner/fleet.git',
    '/srv/fleet.git',
  ])('sends no token to %s', (url) => {
    expect(() => readRemote(url, 'canary')).toThrow(UserError);
  });

  it('gives the token to the server of the URL only', () => {
    const remote = readRemote('https://example.org:8443/owner/fleet.git', 'canary');
    expect(Object.keys(remote.config)).toEqual(['http.https://example.org:8443/.extraHeader', 'http.followRedirects']);
    expect(remote.url).toBe('https://example.org:8443/owner/fleet.git');
  });

  it.each(['https://ada%zz@example.org/x.git', 'https://ada:a%@example.org/x.git'])(
    'refuses %s: its % begins no escape',
    (url) => {
      expect(() => readRemote(url, undefined)).toThrow(UserError);
    },
  );

  it('refuses a password over http just as a token', () => {
    expect(() => readRemote('http://ada:canary@example.org/x.git', undefined)).toThrow(/unencrypted/);
  });
});

describe('withoutSecrets', () => {
  it('masks the token and what stands before @ in any URL', () => {
    const remote = readRemote('https://example.org/x.git', 'canary');
    const basic = Buffer.from('x-access-token:canary').toString('base64');
    expect(withoutSecrets(`canary ${basic} https://ada:other@example.com/y`, remote)).toBe(
      '*** *** https://example.com/y',
    );
  });

  it('masks what a cut left of a secret', () => {
    const secret = 'canary-token-1234567890';
    const remote = readRemote('https://example.org/x.git', secret);
    const basic = Buffer.from(`x-access-token:${secret}`).toString('base64');
    for (const one of [secret, basic]) {
      for (let length = 4; length <= one.length; length++) {
        expect(withoutSecrets(`remote: ${one.slice(0, length)}…`, remote)).toBe('remote: ***…');
      }
    }
    expect(withoutSecrets('remote: something else…', remote)).toBe('remote: something else…');
  });
});
