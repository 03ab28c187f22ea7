import { describe, expect, it } from 'vitest';
import { flakeRef, imagesExpression } from '../../../src/builder/nix/expression.ts';
import { UserError } from '../../../src/core/errors.ts';

const source = { mirror: '/srv/my repos/mirror.git', ref: 'refs/proxnix/r-12', rev: 'a'.repeat(40) };

describe('flakeRef', () => {
  it('locks by ref and rev, and encodes what a URL would read otherwise', () => {
    expect(flakeRef({ ...source, dir: 'hosts/a' })).toBe(
      `git+file:///srv/my%20repos/mirror.git?ref=refs%2Fproxnix%2Fr-12&rev=${'a'.repeat(40)}&dir=hosts%2Fa`,
    );
    expect(flakeRef({ ...source, mirror: '/srv/a?b#c&d' })).toContain('file:///srv/a%3Fb%23c%26d?ref=');
  });

  it.each(['main', 'refs/heads/a..b', 'refs/heads/-x', 'refs/heads/x.lock', 'refs/heads/a b', 'refs/heads/a?rev=b'])(
    'refuses the ref %s',
    (ref) => {
      expect(() => flakeRef({ ...source, ref })).toThrow(/ref/);
    },
  );

  it.each(['main', 'a'.repeat(39), `${'a'.repeat(40)}\n`, 'A'.repeat(40)])('refuses the rev %j', (rev) => {
    expect(() => flakeRef({ ...source, rev })).toThrow(/rev/);
  });

  it.each(['..', '../..', 'a/../..', '/etc', '.', 'a//b', 'a/', '', 'a&b=c', 'a?b', 'a b'])(
    'refuses the folder %j',
    (dir) => {
      expect(() => flakeRef({ ...source, dir })).toThrow(UserError);
    },
  );
});

describe('imagesExpression', () => {
  it('takes no name that was not checked', () => {
    for (const name of ['a.b', '--option', `$${'{x}'}`, '"', '', 'a b', '../x', '1a']) {
      const asking = (type: string, attribute: string) => () =>
        imagesExpression(source, [{ title: 'x', type, attribute: [attribute], facts: true }], true);
      expect(asking(name, 'config'), name).toThrow(/not checked/);
      expect(asking('web', name), name).toThrow(/not checked/);
    }
  });
});
