import { describe, expect, it } from 'vitest';
import { parseDesired } from '../../src/core/desired.ts';
import { diffGuest } from '../../src/core/diff.ts';
import { type FlakeEntry, flakeEntry, type GuestDetails } from '../../src/core/flake-entry.ts';
import { flakeOutput, flakeText } from '../../src/core/flake-text.ts';
import type { KnownGuest, KnownVm } from '../../src/core/live.ts';
import { readTags } from '../../src/core/tags.ts';
import { aLiveContainer, aLiveGuest, anImage } from '../support/builders.ts';

/** A configuration in which nothing else stands. */
const bare: GuestDetails = {
  unset: { networks: [], cpuType: 'kvm64', vga: 'std', numa: false, balloonMb: 2048, pci: [], usb: [], startup: {} },
  others: [],
};

function entryOf(guest: KnownGuest, details: Partial<GuestDetails> = {}): FlakeEntry {
  const entry = flakeEntry(guest, guest.name, { ...bare, ...details });
  if ('why' in entry) throw new Error(entry.why);
  return entry;
}

/** What a plan would change of the guest, once it is adopted and has the image that is named. */
function planned(guest: KnownGuest, entry: FlakeEntry) {
  const [wanted] = parseDesired(flakeOutput([entry]));
  if (wanted === undefined) throw new Error('no guest is declared');
  const { foreign } = readTags(['proxnix', ...guest.tags]);
  const tags = [...foreign, 'proxnix', `nix-${'b'.repeat(32)}`, `commit-${'1'.repeat(40)}`];
  return [...diffGuest({ ...wanted, image: anImage('b', guest.kind) }, { ...guest, tags })].map(({ field }) => field);
}

describe('the entry of a guest', () => {
  it('has what an entry must have, and nothing that is as by default', () => {
    expect(entryOf(aLiveGuest({ tags: [] })).fields).toEqual({
      ...{ name: 'test-website', vm_id: 823, image_type: 'test-website', cores: 2, sockets: 1, memory_mb: 2048 },
      ...{ disk_gb: 20, storage_location: 'local-lvm', cloud_init: 'None', protected: false },
    });
    expect(entryOf(aLiveContainer({ tags: [] })).fields).toEqual({
      ...{ name: 'cache', vm_id: 830, image_type: 'cache', disk_gb: 4, storage_location: 'local-lvm' },
    });
  });

  it('has every other value that somebody gave the guest', () => {
    const guest = aLiveGuest({
      ...{ tags: ['prod', 'Web'], pool: 'home', status: 'stopped' },
      config: {
        ...{ cpuType: 'host', numa: true, balloonMb: 512, onboot: false, scsiHw: 'virtio-scsi-single' },
        startup: { order: 2, upS: 30 },
        description: 'two\nlines "x"',
        cloudInit: { storage: 'fast', user: 'ada', sshKeys: [], ip: '10.0.0.5/24', searchDomain: 'lan' },
        pci: ['gpu'],
      },
    });
    const { fields, notes } = entryOf(guest);
    expect(fields).toMatchObject({
      ...{ cpu_type: 'host', numa: true, balloon_mb: 512, onboot: false, scsi_hw: 'virtio-scsi-single', pci: ['gpu'] },
      startup: { order: 2, up_s: 30 },
      description: 'two\nlines "x"',
      cloud_init: { StorageReference: 'fast', user: 'ada', ssh_keys: [], ip: '10.0.0.5/24', search_domain: 'lan' },
      ...{ tags: ['prod', 'Web'], pool: 'home', power: 'unmanaged' },
    });
    expect(notes).toMatchObject({ vm_id: 'it lives on pve1', power: 'it is stopped now' });
    expect(planned(guest, entryOf(guest))).toEqual([]);
  });

  it('says that a protected guest is not adopted', () => {
    const { fields, notes } = entryOf(aLiveContainer({ config: { protected: true } }));
    expect([fields['protected'], notes['protected']]).toEqual([
      true,
      expect.stringContaining('turn it off in Proxmox'),
    ]);
  });

  it('names the bridge of a plain card, and the cards where they have more', () => {
    const plain = { bridge: 'vmbr1', model: 'virtio', mac: 'BC:24:11:00:00:01', firewall: false };
    const fields = (networks: KnownGuest['config']['networks'] = []) => {
      const guest = aLiveGuest({ config: { bridge: 'vmbr1', networks } });
      expect(planned(guest, entryOf(guest))).toEqual([]);
      const { network_bridge, networks: cards } = entryOf(guest).fields;
      return network_bridge ?? cards;
    };
    expect(fields([plain])).toBe('vmbr1');
    expect(fields([{ ...plain, vlan: 7, rateMbps: 2.5 }])).toEqual([{ bridge: 'vmbr1', vlan: 7, rate_mbps: 2.5 }]);
    expect(fields([plain, { ...plain, model: 'e1000', firewall: true }])).toEqual([
      { bridge: 'vmbr1' },
      { bridge: 'vmbr1', model: 'e1000', firewall: true },
    ]);
  });

  it("says a container's address beside its bridge, or in its card", () => {
    const card = { name: 'eth0', bridge: 'vmbr0', mac: 'BC:24:11:00:00:01', firewall: false };
    const fields = (config: Partial<KnownGuest['config']> & { ip: string; gateway?: string }) => {
      const guest = aLiveContainer({ config });
      expect(planned(guest, entryOf(guest))).toEqual([]);
      const { network_bridge, ip, gateway, networks } = entryOf(guest).fields;
      return { network_bridge, ip, gateway, networks };
    };
    const fixed = { ip: '10.0.0.5/24', gateway: '10.0.0.1' };
    expect(fields({ ...fixed, networks: [{ ...card, ...fixed }] })).toEqual(fixed);
    expect(fields({ ip: 'manual', networks: [{ ...card, ip: 'manual', vlan: 4 }] })).toEqual({
      networks: [{ bridge: 'vmbr0', vlan: 4, ip: 'manual' }],
    });
    const lan = { ...card, name: 'lan' };
    expect(
      fields({
        ip: 'dhcp',
        networks: [
          { ...lan, ip: 'dhcp' },
          { ...card, name: 'eth1', ip: 'manual' },
        ],
      }),
    ).toEqual({
      networks: [{ bridge: 'vmbr0', name: 'lan' }, { bridge: 'vmbr0' }],
    });
  });

  it('says what the first plan changes: a disk that is no whole number, and the boot order', () => {
    const disk = { storage: 'fast', sizeMb: 2252 };
    const disks = { scsi0: { ...disk, volid: 'fast:0' }, scsi1: { ...disk, volid: 'fast:1' } };
    const guest = aLiveGuest({ config: { disks, boot: ['ide2', 'scsi0'], pending: ['cores'] } });
    expect(entryOf(guest)).toMatchObject({
      fields: { disk_gb: 3, cores: 2, disks: { scsi1: { slot: 'scsi1', size_gb: 3, storage: 'fast' } } },
      changes: [
        ...['disk 2.2 -> 3 GiB', 'cores pending -> 2', 'boot ide2 scsi0 -> scsi0 ide2'],
        'data-disk scsi1 (scsi1) 2.2 -> 3 GiB',
      ],
    });
    expect(planned(guest, entryOf(guest))).toEqual(['disk', 'cores', 'boot', 'data-disk']);
  });

  it('takes the disk that the VM boots from for its root', () => {
    const disk = { volid: 'fast:1', storage: 'fast', sizeMb: 1024 };
    const slot = (boot: readonly string[], ...slots: readonly string[]) => {
      const disks = Object.fromEntries(slots.map((name) => [name, disk]));
      return entryOf(aLiveGuest({ config: { disks, boot } })).fields['disk_slot'] ?? 'scsi0';
    };
    expect(slot(['net0', 'virtio0'], 'scsi0', 'virtio0')).toBe('virtio0');
    expect(slot([], 'scsi1', 'scsi0')).toBe('scsi0');
    expect(slot(['ide2'], 'sata1')).toBe('sata1');
  });
});

describe('disks and firmware', () => {
  const disk = { storage: 'fast', sizeMb: 2048 };

  it('are said with the options of the disks', () => {
    const guest = aLiveGuest({
      config: {
        disks: {
          scsi0: { ...disk, volid: 'fast:0', options: { ssd: true, discard: true }, others: 'serial=x' },
          scsi1: { ...disk, volid: 'fast:1', options: { cache: 'writeback', backup: false }, others: 'aio=native' },
          ide1: { ...disk, volid: 'fast:2' },
          scsi2: { storage: '/dev/sdb', volid: '/dev/sdb' },
        },
        ...{ bios: 'ovmf', machine: 'q35', tpm: true },
        firmware: { efi: { ...disk, volid: 'fast:3' }, tpm: { ...disk, volid: 'fast:4' } },
      },
    });
    const { fields, unsaid, changes } = entryOf(guest);
    expect(fields).toMatchObject({
      disk: { ssd: true },
      disks: { scsi1: { slot: 'scsi1', size_gb: 2, storage: 'fast', cache: 'writeback', backup: false } },
      ...{ bios: 'ovmf', machine: 'q35', tpm: true },
    });
    expect(unsaid).toEqual(['scsi0: serial=x', 'scsi1: aio=native', 'ide1: fast:2', 'scsi2: /dev/sdb']);
    expect(changes).toEqual([]);
  });

  it('are left out where naming them would move or make a disk', () => {
    const firmware = (storage: string) => ({ efi: { ...disk, storage, volid: 'x:1' } });
    const guest = (config: Partial<KnownVm['config']>) =>
      entryOf(aLiveGuest({ config: { bios: 'ovmf', disks: { scsi0: { ...disk, volid: 'fast:0' } }, ...config } }));
    expect(guest({ firmware: firmware('fast') }).fields).toMatchObject({ bios: 'ovmf' });
    for (const entry of [guest({ firmware: firmware('slow') }), guest({})]) {
      expect(Object.keys(entry.fields)).not.toContain('bios');
      expect(entry).toMatchObject({ unsaid: ['bios: ovmf'], changes: [] });
    }
  });

  it('of a container are mounts, named after their paths', () => {
    const mount = (path: string, volid = 'fast:1') => ({ ...disk, volid, path });
    const guest = aLiveContainer({
      config: {
        disks: {
          rootfs: { ...disk, volid: 'fast:0', options: { backup: true } },
          mp0: { ...mount('/var/lib/data'), options: { backup: true } },
          mp1: mount('/var-lib/data'),
          mp2: mount('/.cache'),
          mp3: { ...mount('/media', '/srv/media'), storage: '/srv/media' },
        },
      },
    });
    expect(entryOf(guest)).toMatchObject({
      fields: {
        mounts: {
          'var-lib-data': { path: '/var/lib/data', size_gb: 2, storage: 'fast', backup: true },
          mp1: { path: '/var-lib/data', size_gb: 2, storage: 'fast' },
        },
      },
      unsaid: ['rootfs: backup=true', 'mp2: fast:1,mp=/.cache', 'mp3: /srv/media,mp=/media'],
      changes: [],
    });
  });
});

describe('what no field can say', () => {
  it('leaves out notes that no string of Nix can hold, and says so', () => {
    const { fields, unsaid } = entryOf(aLiveGuest({ config: { description: 'a\0b' } }));
    expect(fields).not.toHaveProperty('description');
    expect(unsaid).toEqual([expect.stringMatching(/^description: /)]);
  });

  it('is left out and told, where nothing manages it then', () => {
    const guest = aLiveGuest({
      config: {
        vga: 'vmware-next',
        description: 'x'.repeat(9000),
        cloudInit: { storage: 'fast', user: 'a.b', ip: 'dhcp', nameservers: ['bogus'] },
        networks: [
          { bridge: 'vmbr0', model: 'newer', vlan: 3 },
          { bridge: 'vmbr1' },
          null,
          { bridge: 'vmbr0', vlan: 9 },
        ],
      },
    });
    const { fields, unsaid } = entryOf(guest, { others: ['hookscript: local:snippets/a.pl'] });
    expect(Object.keys(fields)).not.toContain('vga');
    expect(fields).toMatchObject({
      cloud_init: { StorageReference: 'fast', ip: 'dhcp' },
      networks: [{ bridge: 'vmbr0', vlan: 3 }, { bridge: 'vmbr1' }],
    });
    expect(unsaid).toEqual([
      'networks.0.model: newer',
      'cloud_init.user: a.b',
      'cloud_init.nameservers: ["bogus"]',
      'vga: vmware-next',
      `description: ${'x'.repeat(9000)}`,
      'net3 bridge=vmbr0 vlan=9',
      'hookscript: local:snippets/a.pl',
    ]);
    expect(planned(guest, entryOf(guest))).toEqual([]);
  });

  it('is ignored, where a default would take its place', () => {
    const vm = aLiveGuest({ config: { bridge: '', networks: [], scsiHw: 'newer' } });
    expect(entryOf(vm)).toMatchObject({
      fields: { ignore: ['network_bridge', 'scsi_hw'] },
      notes: { ignore: 'no flake can say what the guest has there' },
      unsaid: ['network_bridge: none', 'scsi_hw: newer'],
    });
    const container = aLiveContainer({ config: { cores: 0, features: ['keyctl', 'nesting'], gateway: '10.0.0.1' } });
    expect(entryOf(container)).toMatchObject({
      fields: { ignore: ['cores', 'features', 'gateway'] },
      unsaid: ['cores: all', 'features: {"keyctl":true,"nesting":true}', 'gateway: 10.0.0.1'],
    });
    for (const guest of [vm, container]) expect(planned(guest, entryOf(guest))).toEqual([]);
  });

  it('a guest without a name gets one, which is not compared', () => {
    const guest = aLiveGuest({ name: 'VM 823' });
    expect(entryOf(guest).fields).toMatchObject({ name: 'guest-823', image_type: 'guest-823', ignore: ['name'] });
    expect(planned(guest, entryOf(guest))).toEqual([]);
  });

  it.each([
    [
      { disks: {} },
      'VM 823: "disk_gb" must be at least 1; VM 823: "storage_location" must be a plain name (letters, digits, . _ -)',
    ],
    [
      { disks: { ide0: { volid: 'fast:1', storage: 'fast', sizeMb: 1024 } } },
      'VM 823: "disk_slot" must be a disk slot such as scsi0',
    ],
    [{ memoryMb: 8 }, 'VM 823: "memory_mb" must be at least 16'],
  ])('a guest without what an entry needs has none: %j', (config, why) => {
    expect(flakeEntry(aLiveGuest({ config }), 'a', bare)).toEqual({ why });
  });

  it('an image type and a key are made from the name, and tags of proxnix are nobody’s own', () => {
    const guest = aLiveGuest({ name: '3cx.home', tags: ['nix-1', `nix-${'a'.repeat(32)}`, 'proxnix-pending'] });
    expect(entryOf(guest).fields).toMatchObject({ image_type: '_3cx-home', tags: ['nix-1'] });
  });
});

describe('the text', () => {
  it('is the output of a flake, with comments', () => {
    const guest = aLiveGuest({ name: 'mail.example', status: 'stopped', config: { description: 'a "b"' } });
    const text = flakeText([entryOf(guest, { others: ['args: -a\nevil = 1;'] })], ['VM 5 (x) cannot be read.']);
    expect(
      text,
    ).toBe(`# The guests as they are, written by \`proxnix import\`. In the flake: proxnix = import ./proxnix.nix;
# Once they are adopted, a plan changes their tags and the image, and nothing else but what a comment beside them says.
# Left out: VM 5 (x) cannot be read.
{
  vms = {
    "mail.example" = {
      name = "mail.example";
      vm_id = 823; # it lives on pve1
      image_type = "mail-example"; # a guess: its image is not known
      cores = 2;
      sockets = 1;
      memory_mb = 2048;
      disk_gb = 20;
      storage_location = "local-lvm";
      cloud_init = "None";
      protected = false;
      description = "a \\"b\\"";
      power = "unmanaged"; # it is stopped now
      # The guest also has, and no field says it:
      #   args: -a evil = 1;
    };
  };
  containers = { };
}
`);
  });

  it('says what the contract refuses of all guests together', () => {
    const entries = [823, 824].map((vmid) => ({ ...entryOf(aLiveGuest({ vmid })), key: `web-${vmid}` }));
    expect(flakeText(entries)).toContain(
      '# To correct, proxnix refuses it as it stands: The flake is not valid: web-824: "name" test-website is also the name of web-823.\n',
    );
  });
});
