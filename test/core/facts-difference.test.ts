import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccessChange,
  changesByName,
  diffFacts,
  type FactsDifference,
  isEmptyDifference,
} from '../../src/core/facts-difference.ts';
import { factNames, type ImageFacts, imageFacts } from '../../src/core/image-facts.ts';
import { arbitraryFacts, nobody, someFacts } from '../support/facts.ts';

const ada = { ...nobody, name: 'ada' };

/** What an access change says of one image, so that the sets of two images can be compared. */
function accessOf({ users = [], firewall }: ImageFacts): ReadonlySet<string> {
  return new Set([
    ...users.flatMap((user) => [
      user.name,
      ...(user.wheel ? [`${user.name} wheel`] : []),
      ...(user.password ? [`${user.name} password`] : []),
      ...user.keys.map(({ name, digest }) => `${user.name} key ${name} ${digest}`),
      ...user.keyFiles.map((file) => `${user.name} file ${file}`),
    ]),
    ...(firewall === undefined ? [] : [`firewall ${firewall.on}`]),
    ...(firewall?.ports ?? []).map(({ protocol, from, to, on }) => `${protocol} ${from} ${to} ${on}`),
    ...(firewall?.trusted ?? []).map((name) => `trusted ${name}`),
  ]);
}

/** What of `accessOf` a difference announces, each change as it concerns that fact. */
function announces({ access }: FactsDifference, fact: string): boolean {
  const concerns = (one: AccessChange): boolean => {
    switch (one.what) {
      case 'user':
        return fact === one.user;
      case 'wheel':
      case 'password':
        return fact === `${one.user} ${one.what}`;
      case 'key':
        return fact.startsWith(`${one.user} key ${one.key} `);
      case 'key-files':
        return fact.startsWith(`${one.user} file `);
      case 'firewall':
        return fact.startsWith('firewall ');
      case 'port':
        return fact === `${one.protocol} ${one.from} ${one.to} ${one.on}`;
      case 'trusted':
        return fact === `trusted ${one.on}`;
      case 'untold':
        return false;
    }
  };
  return access.some(concerns);
}

describe('the difference between two images', () => {
  it('announces that users or ports are not told any more: a new image may hide them so', () => {
    const { users: _, firewall: __, ...rest } = someFacts;
    expect(diffFacts(someFacts, rest).access).toEqual([
      { what: 'untold', fact: 'users' },
      { what: 'untold', fact: 'firewall' },
    ]);
    expect(diffFacts(rest, rest).access).toEqual([]);
    expect(diffFacts(rest, someFacts).access).toEqual([]);
  });

  it('is nothing for one and the same', () => {
    fc.assert(
      fc.property(arbitraryFacts, (facts) => {
        const difference = diffFacts(facts, structuredClone(facts));
        expect(isEmptyDifference(difference)).toBe(true);
        expect(difference.unknown).toEqual(factNames.filter((name) => facts[name] === undefined));
      }),
    );
  });

  it('has every change of access, and none that is not', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryFacts, (before, after) => {
        const both = (facts: ImageFacts, other: ImageFacts) => {
          const { users: _, firewall: __, ...rest } = facts;
          return accessOf({
            ...rest,
            ...(other.users === undefined ? {} : { users: facts.users }),
            ...(other.firewall === undefined ? {} : { firewall: facts.firewall }),
          } as ImageFacts);
        };
        const [old, now] = [both(before, after), both(after, before)];
        const difference = diffFacts(before, after);
        // Without a firewall nothing closes.
        const closes = (fact: string) =>
          after.firewall?.on === false && /^(?:tcp|udp|trusted) /.test(fact) && old.has(fact);
        const changed = [...old, ...now].filter((fact) => old.has(fact) !== now.has(fact) && !closes(fact));
        expect(changed.filter((fact) => !announces(difference, fact))).toEqual([]);
        const told = difference.access.filter(({ what }) => what !== 'untold');
        if (changed.length === 0) expect(told).toEqual([]);
      }),
    );
  });

  it('reads the other way round from the other side', () => {
    fc.assert(
      fc.property(arbitraryFacts, arbitraryFacts, (before, after) => {
        const [there, back] = [diffFacts(before, after), diffFacts(after, before)];
        const turned = back.changes.map(({ what, name, from, to }) => ({
          ...{ what, name },
          ...(to === undefined ? {} : { from: to }),
          ...(from === undefined ? {} : { to: from }),
        }));
        expect(there.changes).toEqual(turned);
        expect(there.packages.all).toBe(back.packages.all);
      }),
    );
  });

  it('tells what a user gains beside the user, and one key in place of another under its comment', () => {
    const before: ImageFacts = { ...someFacts, users: [{ ...ada, keys: [{ name: 'ada@laptop', digest: '1' }] }] };
    const ops = {
      name: 'ops',
      wheel: true,
      password: true,
      keys: [{ name: 'ops@site', digest: '3' }],
      keyFiles: ['f'],
    };
    const after = { ...someFacts, users: [{ ...ada, keys: [{ name: 'ada@laptop', digest: '2' }] }, ops] };
    expect(diffFacts(before, after).access).toEqual([
      { what: 'key', change: 'changed', user: 'ada', key: 'ada@laptop' },
      { what: 'user', change: 'added', user: 'ops' },
      { what: 'wheel', change: 'added', user: 'ops' },
      { what: 'password', change: 'added', user: 'ops' },
      { what: 'key', change: 'added', user: 'ops', key: 'ops@site' },
      { what: 'key-files', user: 'ops', from: 0, to: 1 },
    ]);
  });

  it('ranks mounts and hosts before services, and those before release and kernel', () => {
    const after: ImageFacts = {
      ...someFacts,
      kernel: '6.12.31',
      release: '25.11',
      sockets: ['docker'],
      timers: ['logrotate'],
      services: [{ name: 'nginx', user: 'www' }],
      hosts: ['example.org'],
      mounts: [{ at: '/', type: 'ext4', device: '/dev/vda1' }],
    };
    expect(diffFacts(someFacts, after).changes).toEqual([
      { what: 'mount', name: '/', from: 'ext4 label nixos', to: 'ext4 /dev/vda1' },
      { what: 'host', name: 'example.org', to: '' },
      { what: 'service', name: 'nginx', from: 'nginx', to: 'www' },
      { what: 'service', name: 'sshd', from: 'root' },
      { what: 'timer', name: 'logrotate', to: '' },
      { what: 'socket', name: 'docker', to: '' },
      { what: 'release', name: 'release', from: '25.05', to: '25.11' },
      { what: 'kernel', name: 'kernel', from: '6.12.30', to: '6.12.31' },
    ]);
  });

  it('closes nothing when the firewall is turned off', () => {
    const off = { ...someFacts, firewall: { on: false, ports: [], trusted: [] } };
    expect(diffFacts(someFacts, off).access).toEqual([{ what: 'firewall', change: 'off' }]);
    expect(diffFacts(off, someFacts).access).toHaveLength(2);
  });

  it('takes no unknown fact for an empty one', () => {
    const { users: _, ...before } = someFacts;
    const difference = diffFacts(before, someFacts);
    expect(difference.access).toEqual([]);
    expect(difference.unknown).toEqual(['users']);
  });
});

describe('packages', () => {
  const before: ImageFacts = {
    ...someFacts,
    packages: ['git-2.49.0', 'htop-3.4.1'],
    servicePackages: ['nginx-1.26.2'],
  };

  it('are told by name, and once where the derivations tell them as well', () => {
    const after: ImageFacts = { ...before, packages: ['git-2.50.0', 'jq-1.7'], servicePackages: ['nginx-1.26.3'] };
    const openssl = { name: 'openssl', from: '3.0.13', to: '3.0.14' };
    const versions = { changed: [{ name: 'git', from: '2.49.0', to: '2.50.0' }, openssl], all: 30 };
    expect(diffFacts(before, after, versions).packages).toEqual({
      changed: [
        { name: 'git', from: '2.49.0', to: '2.50.0' },
        { name: 'htop', from: '3.4.1' },
        { name: 'jq', to: '1.7' },
        { name: 'nginx', from: '1.26.2', to: '1.26.3' },
        openssl,
      ],
      all: 32,
    });
  });

  it('of another release are a count', () => {
    const versions = { changed: [{ name: 'openssl', from: '3.0.13', to: '3.4.1' }], all: 912 };
    const { packages, changes } = diffFacts(before, { ...before, release: '25.11' }, versions);
    expect(packages).toEqual({ changed: [], all: 912 });
    expect(changes).toEqual([{ what: 'release', name: 'release', from: '25.05', to: '25.11' }]);
  });

  it('in several versions are told by those that only one side has', () => {
    expect(changesByName(['gcc-13.3.0', 'gcc-14.2.0', 'web-2'], ['gcc-14.2.0', 'gcc-15.1.0', 'web-2'])).toEqual([
      { name: 'gcc', from: '13.3.0', to: '15.1.0' },
    ]);
    expect(changesByName(['gcc-13.3.0', 'gcc-14.2.0'], ['gcc-14.2.0'])).toEqual([{ name: 'gcc', from: '13.3.0' }]);
    expect(changesByName(['website'], ['website-2'])).toEqual([{ name: 'website', from: '', to: '2' }]);
  });

  it('are named forty times at most, and all counted', () => {
    const many = Array.from({ length: 150 }, (_, index) => `pkg${index}-1`);
    const { changed, all } = diffFacts(before, { ...before, packages: [...(before.packages ?? []), ...many] }).packages;
    expect([changed.length, all]).toEqual([40, 150]);
  });
});

it('random facts are facts as the store reads them', () => {
  fc.assert(
    fc.property(arbitraryFacts, (facts) => {
      expect(imageFacts.parse(facts)).toEqual(facts);
    }),
  );
});
