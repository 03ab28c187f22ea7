import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDesired } from '../../src/core/desired.ts';
import { toFailure } from '../../src/core/errors.ts';
import { aContainer, aFlakeEntry } from '../support/builders.ts';

/** A VM as it stands in the flake of the article. */
const vm = {
  name: 'test-website',
  vm_id: 823,
  image_type: 'build-qcow2-website',
  cores: 2,
  sockets: 1,
  memory_mb: 2048,
  disk_gb: 20,
  storage_location: 'local-lvm',
  cloud_init: 'None',
  protected: false,
};

/** Why an output is refused; `undefined` when it is valid. */
function refusalOf(output: unknown) {
  try {
    parseDesired(output);
  } catch (error) {
    return toFailure(error);
  }
  return undefined;
}

function failureOf(output: unknown) {
  const refusal = refusalOf(output);
  if (refusal === undefined) throw new Error('the flake was taken as valid');
  return refusal;
}

/** The one mistake of a VM `web` that differs from a valid one. */
function mistake(overrides: object): string {
  const { message, next } = failureOf({ vms: { web: { ...vm, ...overrides } } });
  expect(next).toBe('Nothing was touched. Correct the flake and push again.');
  return message.replace(/^The flake is not valid: /, '');
}

describe('a flake as the Rust daemon reads it', () => {
  it('is read unchanged, with every default filled in', () => {
    expect(parseDesired({ vms: { website: vm } })).toEqual([
      {
        ...{ kind: 'vm', key: 'website', name: 'test-website', vmid: 823, imageType: 'build-qcow2-website' },
        ...{ cores: 2, sockets: 1, memoryMb: 2048, diskGb: 20, storage: 'local-lvm', protected: false },
        ...{ bridge: 'vmbr0', scsiHw: 'virtio-scsi-pci', diskSlot: 'scsi0', onboot: true, order: 0, power: 'running' },
      },
    ]);
  });

  it('takes cloud-init with a storage, and every optional field', () => {
    const [guest] = parseDesired({
      vms: {
        website: {
          ...vm,
          cloud_init: { StorageReference: 'local-lvm' },
          ...{ network_bridge: 'vmbr1', scsi_hw: 'lsi', disk_slot: 'virtio3', node: 'pve2', onboot: false, order: 7 },
          description: 'the website',
          health: { tcp: [22], http: 'http://10.0.0.1/health' },
        },
      },
    });
    expect(guest).toMatchObject({
      cloudInit: { storage: 'local-lvm' },
      ...{ bridge: 'vmbr1', scsiHw: 'lsi', diskSlot: 'virtio3', node: 'pve2', onboot: false, order: 7 },
      health: { agent: true, tcp: [22], http: 'http://10.0.0.1/health', timeoutS: 120 },
    });
  });

  it('comes out by VMID, whatever the order of its keys', () => {
    const vms = { b: { ...vm, vm_id: 900, name: 'b' }, a: vm };
    const reversed = Object.fromEntries(Object.entries(vms).reverse());
    expect(parseDesired({ vms }).map((guest) => guest.vmid)).toEqual([823, 900]);
    expect(parseDesired({ vms: reversed })).toEqual(parseDesired({ vms }));
  });

  it('may want no VM at all, and may have other outputs beside', () => {
    expect(parseDesired({ vms: {} })).toEqual([]);
    expect(parseDesired({ vms: {}, containers: {}, notes: 'x' })).toEqual([]);
  });
});

describe('a flake that is not valid', () => {
  it.each([[{}], [undefined], [null], ['vms'], [{ vms: [] }], [{ vms: 'all' }]])(
    'says that %j has no vms',
    (output) => {
      expect(failureOf(output)).toEqual({
        message: 'The flake output "proxnix" has no attribute set "vms".',
        next: 'Declare the guests as proxnix.vms.<name> = { … }; or proxnix.containers.<name> = { … }; in the flake.',
        details: [],
      });
    },
  );

  it.each([
    ['an unknown field near a known one', { memory: 2048 }, 'web: unknown field "memory", did you mean "memory_mb"?'],
    ['an unknown field near none', { colour: 'red' }, 'web: unknown field "colour".'],
    ['an unknown field of health', { health: { tpc: [22] } }, 'web: unknown field "health.tpc", did you mean "tcp"?'],
    ['a number in quotes', { cores: '2' }, 'web: "cores" must be a number, not "2".'],
    ['half a core', { cores: 1.5 }, 'web: "cores" must be a whole number, not 1.5.'],
    ['no core', { cores: 0 }, 'web: "cores" must be at least 1.'],
    ['no socket', { sockets: 0 }, 'web: "sockets" must be at least 1.'],
    ['a VMID of Proxmox itself', { vm_id: 99 }, 'web: "vm_id" must be at least 100.'],
    ['a VMID too large', { vm_id: 1_000_000_000 }, 'web: "vm_id" must be at most 999999999.'],
    ['a word for a boolean', { protected: 'yes' }, 'web: "protected" must be a boolean, not "yes".'],
    ['null', { name: null }, 'web: "name" must be a string, not null.'],
    [
      'a name that is no DNS name',
      { name: 'test_website' },
      'web: "name" must be a DNS name (letters, digits and hyphens).',
    ],
    [
      'a controller that Proxmox does not have',
      { scsi_hw: 'ide' },
      'web: "scsi_hw" must be one of lsi, lsi53c810, virtio-scsi-pci, virtio-scsi-single, megasas, pvscsi.',
    ],
    [
      'another shape of cloud_init',
      { cloud_init: 'local-lvm' },
      'web: "cloud_init" must be "None" or { StorageReference = "<storage>"; }.',
    ],
    ['a slot that is none', { disk_slot: 'scsi31' }, 'web: "disk_slot" must be a disk slot such as scsi0.'],
    ['a port that is none', { health: { tcp: [0] } }, 'web: "health.tcp.0" must be at least 1.'],
    [
      'another protocol',
      { health: { http: 'file:///etc/passwd' } },
      'web: "health.http" must be an http or https URL.',
    ],
  ])('names the VM and the field for %s', (_, overrides, message) => {
    expect(mistake(overrides)).toBe(message);
  });

  it.each(Object.keys(vm).filter((field) => field !== 'cloud_init'))('says that "%s" is missing', (field) => {
    expect(mistake({ [field]: undefined })).toBe(`web: "${field}" is missing.`);
  });

  it.each([['--option'], ['$(reboot)'], ['a;b'], ['../x'], ['a,b=c'], ['-x'], [''], ['a b'], ['a\nb'], ['a"b']])(
    'refuses %j wherever a name becomes part of a command or a parameter',
    (text) => {
      for (const field of ['name', 'image_type', 'storage_location', 'network_bridge', 'disk_slot', 'node']) {
        expect(mistake({ [field]: text })).toContain(`web: "${field}" must be `);
      }
      expect(mistake({ cloud_init: { StorageReference: text } })).toContain(
        'web: "cloud_init.StorageReference" must be ',
      );
    },
  );

  it('tells two VMs with one vm_id, and two with one name in any case', () => {
    const vms = { a: vm, b: { ...vm, name: 'other' }, c: { ...vm, vm_id: 824, name: 'Test-Website' } };
    expect(failureOf({ vms })).toEqual({
      message: 'The flake has 2 mistakes.',
      next: 'Nothing was touched. Correct the flake and push again.',
      details: ['b: "vm_id" 823 is also the vm_id of a', 'c: "name" Test-Website is also the name of a'],
    });
  });

  it('reports all mistakes of all VMs at once', () => {
    const { message, details } = failureOf({ vms: { a: { ...vm, cores: 0, memory: 1 }, b: 'x' } });
    expect(message).toBe('The flake has 3 mistakes.');
    expect(details).toEqual([
      'a: "cores" must be at least 1',
      'a: unknown field "memory", did you mean "memory_mb"?',
      'b: must be an attribute set',
    ]);
  });
});

describe('a description', () => {
  it.each(['proxnix staging for guest 820', ' proxnix makes guest 820\n'])('may not be the mark %j', (description) => {
    expect(mistake({ description })).toBe(
      'web: "description" is a mark that proxnix itself writes: choose other words.',
    );
  });
});

/** A container as it may stand in a flake: the least of it. */
const cache = aFlakeEntry('container', { name: 'cache', vm_id: 830, image_type: 'lxc-cache', disk_gb: 4 });

/** The one mistake of a container `cache` that differs from a valid one. */
function containerMistake(overrides: object): string {
  const { message } = failureOf({ containers: { cache: { ...cache, ...overrides } } });
  return message.replace(/^The flake is not valid: /, '');
}

describe('a container in the flake', () => {
  it('is read with every default filled in, beside VMs or without any', () => {
    const { image: _, ...spec } = aContainer();
    expect(parseDesired({ containers: { cache } })).toEqual([spec]);
    expect(parseDesired({ vms: {}, containers: { cache } })).toEqual([spec]);
  });

  it('takes every field', () => {
    const [guest] = parseDesired({
      containers: {
        cache: {
          ...cache,
          ...{ swap_mb: 0, ip: '10.0.0.5/24', gateway: '10.0.0.1', unprivileged: false, features: {}, protected: true },
          ...{ network_bridge: 'vmbr1', node: 'pve2', onboot: false, order: 3, description: 'keeps things' },
          health: { tcp: [6379], timeout_s: 30 },
        },
      },
    });
    expect(guest).toMatchObject({
      ...{ swapMb: 0, ip: '10.0.0.5/24', gateway: '10.0.0.1', unprivileged: false, features: [], protected: true },
      ...{ bridge: 'vmbr1', node: 'pve2', onboot: false, order: 3, description: 'keeps things' },
      health: { agent: false, tcp: [6379], timeoutS: 30 },
    });
  });

  it.each([
    [{ nesting: true }, ['nesting']],
    [{ nesting: false }, []],
    ['nesting=1', ['nesting']],
  ])('has the features %j', (features, names) => {
    expect(parseDesired({ containers: { cache: { ...cache, features } } })).toMatchObject([{ features: names }]);
  });

  it.each([
    [{ sockets: 1 }, 'cache: unknown field "sockets".'],
    [{ swap: 1 }, 'cache: unknown field "swap", did you mean "swap_mb"?'],
    [{ health: { agent: true } }, 'cache: unknown field "health.agent".'],
    [{ ip: '10.0.0.5' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.256/24' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.5/33' }, 'cache: "ip" must be "dhcp", "manual" or like "10.0.0.5/24".'],
    [{ ip: '10.0.0.5/24', gateway: 'router' }, 'cache: "gateway" must be an IPv4 address.'],
    [{ gateway: '10.0.0.1' }, 'cache: "gateway" goes with a fixed "ip" such as "10.0.0.5/24" only.'],
    [
      { features: { keyctl: true } },
      'cache: "features" must be { nesting = true; } or { }: an API token of Proxmox may set no other feature.',
    ],
  ])('with %j is refused', (overrides, message) => {
    expect(containerMistake(overrides)).toBe(message);
  });

  it('shares VMIDs and names with the VMs', () => {
    const vm = { ...cache, sockets: 1, cloud_init: 'None', protected: false };
    expect(() => parseDesired({ vms: { web: vm }, containers: { cache } })).toThrow(/2 mistakes/);
  });
});

const web = aFlakeEntry('vm', { name: 'web', image_type: 'web' });
const dns = aFlakeEntry('container', { name: 'dns', vm_id: 830, image_type: 'dns', disk_gb: 8 });

/** Names that every object of JavaScript knows. */
const inherited = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'prototype',
  '__defineGetter__',
];

/** As Nix's answer comes: `__proto__` is a key like any other. */
function parsed(text: string): unknown {
  return JSON.parse(text);
}

describe('names that objects of JavaScript have', () => {
  it('are refused where one would be lost in silence, with the place', () => {
    const json = JSON.stringify(web);
    const places = [
      [`{"vms":{"__proto__":${json}}}`, 'vms.__proto__'],
      [`{"vms":{},"containers":{"__proto__":${JSON.stringify(dns)}}}`, 'containers.__proto__'],
      [`{"vms":{"web":${json.replace('}', ',"__proto__":{"cores":64}}')}}}`, 'vms.web.__proto__'],
      [
        `{"containers":{"dns":${JSON.stringify({ ...dns, features: 0 }).replace('0}', '{"__proto__":true}}')}}}`,
        'containers.dns.features.__proto__',
      ],
      [`{"vms":{},"__proto__":{"vms":{}}}`, '__proto__'],
    ] as const;
    for (const [text, place] of places) {
      expect(failureOf(parsed(text)).message, text).toBe(
        `The flake is not valid: "${place}" is a name that proxnix cannot take.`,
      );
    }
  });

  it('are names of guests like others where nothing is lost', () => {
    for (const key of inherited.slice(1)) {
      const output = parsed(`{"vms":{${JSON.stringify(key)}:${JSON.stringify(web)}}}`);
      expect(parseDesired(output).map((guest) => guest.key)).toEqual([key]);
    }
  });

  it('are never lost and change no other object, wherever they stand', () => {
    const anyName = fc.oneof(fc.constantFrom(...inherited), fc.string({ maxLength: 8 }));
    const place = fc.constantFrom('guest', 'field', 'health', 'features', 'top');
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, place), { minLength: 1, maxLength: 4 }), (names) => {
        const at = (wanted: string) => [
          ...new Set(names.flatMap(([name, where]) => (where === wanted ? [JSON.stringify(name)] : []))),
        ];
        const also = (wanted: string, value: string) =>
          at(wanted)
            .map((name) => `,${name}:${value}`)
            .join('');
        const fields = JSON.stringify(web).slice(1, -1);
        const guests = at('guest').map(
          (name, index) => `,${name}:{${fields.replace('"web"', `"g${index}"`).replace('823', String(900 + index))}}`,
        );
        const text = `{"vms":{"the first":{${fields},"health":{"tcp":[]${also('health', 'true')}}${also('field', '1')}}${guests.join('')}},
          "containers":{"the second":{${JSON.stringify(dns).slice(1, -1)},"features":{"nesting":true${also('features', 'true')}}}}${also('top', '{}')}}`;
        const output = parsed(text);
        const failure = refusalOf(output);
        expect(Object.keys(Object.prototype)).toEqual([]);
        expect(({} as Record<string, unknown>)['cores']).toBeUndefined();
        if (failure === undefined) {
          const keys = parseDesired(output).map((guest) => guest.key);
          const wanted = ['the first', 'the second', ...at('guest').map((name) => JSON.parse(name) as string)];
          expect([...keys].sort()).toEqual([...new Set(wanted)].sort());
          expect(
            at('field').concat(
              at('health'),
              at('features').filter((name) => name !== '"nesting"'),
            ),
          ).toEqual([]);
        } else if (text.includes('"__proto__"')) {
          expect([failure.message, ...failure.details].join('\n')).toContain('__proto__');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('an output that wants to cost time', () => {
  it('is refused by its number of guests', () => {
    const vms = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`vm${index}`, web]));
    expect(failureOf({ vms }).message).toBe(
      'The flake is not valid: "vms" has 10001 guests, at most 10000 are possible.',
    );
  });

  it('is refused by the values of one guest, before each is looked at', () => {
    const health = { tcp: Array.from({ length: 2_000_000 }, () => '') };
    expect(failureOf({ vms: { web: { ...web, health } } }).message).toBe(
      'The flake is not valid: "vms.web" has more than 500 values.',
    );
    const fields = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, 1]));
    expect(failureOf({ vms: { web: fields } }).message).toMatch(/more than 500 values/);
  });

  it('is refused by its depth, without recursion', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    expect(failureOf({ vms: { web: { ...web, cores: deep } } }).message).toBe(
      'The flake is not valid: "vms.web" is nested deeper than 8.',
    );
  });

  it('is not read to its end once there are more mistakes than are told', () => {
    let reads = 0;
    const last = {
      get name() {
        reads += 1;
        return 7;
      },
    };
    const wrong = Array.from({ length: 60 }, (_, index) => [`vm${index}`, { nothing: 1 }] as const);
    failureOf({ vms: { last } });
    const alone = reads;
    reads = 0;
    failureOf({ vms: { ...Object.fromEntries(wrong), last } });
    expect(reads).toBeLessThan(alone);
  });

  it('is told of its first mistakes only, and in a few KiB', () => {
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`core${index}`, 'x'.repeat(50)]));
    const vms = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`${'k'.repeat(200)}${index}`, fields]));
    const failure = failureOf({ vms });
    expect(failure.message).toBe('The flake has more than 50 mistakes.');
    expect(JSON.stringify(failure).length).toBeLessThan(10_000);
  });

  it('is told of the first unknown fields of a guest', () => {
    const fields = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, 1]));
    expect(failureOf({ vms: { web: { ...web, ...fields } } }).details).toHaveLength(10);
  });

  it('names a key and a field of megabytes in short', () => {
    const long = 'x'.repeat(4_000_000);
    for (const output of [
      { vms: { [long]: web } },
      { vms: { web: { ...web, [long]: 1 } } },
      { vms: { web: { ...web, name: long } } },
      { vms: { web: { ...web, cores: long } } },
      { vms: { web: { ...web, health: { http: `http://${long}` } } } },
    ]) {
      expect(JSON.stringify(failureOf(output)).length).toBeLessThan(1000);
    }
  });
});
