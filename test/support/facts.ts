import fc from 'fast-check';
import type { ImageFacts } from '../../src/core/image-facts.ts';

/** A user who has nothing. */
export const nobody = { wheel: false, password: false, keys: [], keyFiles: [] } as const;

/** The inside of a small image of NixOS. */
export const someFacts: ImageFacts = {
  users: [{ ...nobody, name: 'root' }],
  firewall: { on: true, ports: [{ protocol: 'tcp', from: 22, to: 22 }], trusted: [] },
  mounts: [{ at: '/', type: 'ext4', device: 'label nixos' }],
  hosts: [],
  services: [
    { name: 'nginx', user: 'nginx' },
    { name: 'sshd', user: 'root' },
  ],
  timers: [],
  sockets: [],
  release: '25.05',
  kernel: '6.12.30',
  packages: ['openssh-9.9p2'],
  servicePackages: ['nginx-1.26.2'],
};

const word = fc.constantFrom('ada', 'ops', 'root', 'a b');
const version = fc.constantFrom('a-1', 'a-2', 'b-1.0', 'b-1.1', 'unversioned', 'c-d-3');
const names = fc.uniqueArray(word, { maxLength: 3 });

/** Few names, so that some of them meet. */
export const arbitraryFacts: fc.Arbitrary<ImageFacts> = fc.record(
  {
    users: fc.uniqueArray(
      fc.record({
        name: word,
        wheel: fc.boolean(),
        password: fc.boolean(),
        keys: fc.array(fc.record({ name: word, digest: fc.constantFrom('1', '2') }), { maxLength: 3 }),
        keyFiles: fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }),
      }),
      { selector: ({ name }) => name, maxLength: 3 },
    ),
    firewall: fc.record({
      on: fc.boolean(),
      ports: fc.array(
        fc.record(
          {
            protocol: fc.constantFrom('tcp', 'udp'),
            from: fc.constantFrom(22, 8080),
            to: fc.constantFrom(8080, 9000),
            on: fc.constantFrom('eth0'),
          },
          { requiredKeys: ['protocol', 'from', 'to'] },
        ),
        { maxLength: 4 },
      ),
      trusted: names,
    }),
    mounts: fc.uniqueArray(fc.record({ at: word, type: fc.constantFrom('ext4', ''), device: word }), {
      selector: ({ at }) => at,
      maxLength: 3,
    }),
    hosts: names,
    services: fc.uniqueArray(fc.record({ name: word, user: word }), { selector: ({ name }) => name, maxLength: 3 }),
    timers: names,
    sockets: names,
    release: fc.constantFrom('25.05', '25.11'),
    kernel: fc.constantFrom('', '6.12.30'),
    packages: fc.uniqueArray(version),
    servicePackages: fc.uniqueArray(version),
  },
  { requiredKeys: [] },
);
