import { describe, expect, it } from 'vitest';
import { parseDesired } from '../../src/core/desired.ts';
import { toFailure } from '../../src/core/errors.ts';

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

function failureOf(output: unknown) {
  try {
    parseDesired(output);
  } catch (error) {
    return toFailure(error);
  }
  throw new Error('the flake was taken as valid');
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
        ...{ bridge: 'vmbr0', scsiHw: 'virtio-scsi-pci', diskSlot: 'scsi0', onboot: true, order: 0, description: '' },
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
