import { expect, it } from 'vitest';
import { PendingEntry } from '../../../src/cluster/proxmox/api.ts';
import { toConfig } from '../../../src/cluster/proxmox/config.ts';
import { detailsOf } from '../../../src/cluster/proxmox/details.ts';
import type { GuestKind } from '../../../src/core/guest.ts';

/** What is told of a configuration beside its settings. */
function othersIn(kind: GuestKind, values: Readonly<Record<string, string>>) {
  const entries = Object.entries({ digest: 'd1', ...values }).map(([key, value]) => PendingEntry.parse({ key, value }));
  return detailsOf(toConfig(kind, entries)).others;
}

it('a VM as proxnix makes one has nothing that no field says', () => {
  const values = {
    ...{ name: 'web', cores: '2', sockets: '1', memory: 'current=2048', numa: '0', agent: '1', serial0: 'socket' },
    ...{ ostype: 'l26', scsihw: 'virtio-scsi-pci', boot: 'order=scsi0', onboot: '1', tags: 'proxnix', protection: '0' },
    net0: 'virtio=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1,tag=7',
    ...{ scsi0: 'fast:100/vm-100-disk-0.qcow2,discard=on,size=2G', unused0: 'fast:vm-100-disk-1' },
    efidisk0: 'fast:vm-100-disk-2,efitype=4m,pre-enrolled-keys=0,size=528K',
    tpmstate0: 'fast:vm-100-disk-3,size=4M,version=v2.0',
    ...{ bios: 'ovmf', machine: 'q35' },
    ...{
      ide2: 'fast:vm-100-cloudinit,media=cdrom',
      ciuser: 'ada',
      ipconfig0: 'ip=dhcp',
      sshkeys: 'ssh-ed25519%20AAAA%0A',
    },
    ...{
      smbios1: 'uuid=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
      vmgenid: 'a',
      meta: 'creation-qemu=9',
      cpu: 'cputype=host',
    },
    ...{ vga: 'type=std', startup: 'order=1,up=5', hostpci0: 'mapping=gpu', description: 'x\n' },
  };
  expect(othersIn('vm', values)).toEqual([]);
});

it('a container as proxnix makes one has nothing that no field says', () => {
  const values = {
    ...{ hostname: 'web', cores: '1', memory: '512', swap: '512', ostype: 'nixos', arch: 'amd64', cmode: 'console' },
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:8B:87:74,ip=dhcp,type=veth',
    ...{ rootfs: 'fast:100/vm-100-disk-0.raw,size=4G', features: 'nesting=1', unprivileged: '1', description: 'x\n' },
  };
  expect(othersIn('container', values)).toEqual([]);
});

it('each other key and each other part of one is told', () => {
  const values = {
    ...{ agent: '1,fstrim_cloned_disks=1', ostype: 'win11', args: '-device foo', hookscript: 'local:snippets/a.pl' },
    net0: 'virtio=BC:24:11:8B:87:74,bridge=vmbr0,queues=4,link_down=1',
    ...{ scsi0: 'fast:vm-100-disk-0,iothread=1,size=2G,ssd=1', ide2: 'local:iso/a.iso,media=cdrom,size=1G' },
    efidisk0: 'fast:vm-100-disk-1,efitype=4m,pre-enrolled-keys=1,size=528K',
    ...{ cpu: 'host,flags=+aes', vga: 'std,memory=64', smbios1: 'uuid=1,serial=YQ==', ciuser: 'ada' },
    ...{ hostpci0: '0000:01:00,pcie=1', hostpci1: 'mapping=gpu,pcie=1', usb0: 'host=1234:5678', ipconfig1: 'ip=dhcp' },
  };
  expect(othersIn('vm', values)).toEqual([
    'agent: 1,fstrim_cloned_disks=1',
    'args: -device foo',
    'ciuser: ada',
    'cpu: flags=+aes',
    'efidisk0: pre-enrolled-keys=1',
    'hookscript: local:snippets/a.pl',
    'hostpci0: 0000:01:00,pcie=1',
    'hostpci1: pcie=1',
    'ide2: local:iso/a.iso,media=cdrom,size=1G',
    'ipconfig1: ip=dhcp',
    'net0: queues=4,link_down=1',
    'ostype: win11',
    'smbios1: serial=YQ==',
    'usb0: host=1234:5678',
    'vga: memory=64',
  ]);
});

it('no secret is told, and no text is longer than it need be', () => {
  expect(othersIn('vm', { cipassword: '$5$abc', args: `-vnc :1,password=hunter2 ${'x'.repeat(500)}` })).toEqual([
    expect.stringMatching(/^args: -vnc :1,password=\(not shown\) x{100,200}…$/),
    'cipassword: (not shown)',
  ]);
  expect(othersIn('container', { env: 'A=b' })).toEqual(['env: (not shown)']);
});

it('a setting that nothing says reads as Proxmox has it beside the others', () => {
  const entries = Object.entries({ memory: '4096', balloon: '1024', cpu: 'host', net0: 'virtio=a,bridge=vmbr1' });
  const { unset } = detailsOf(
    toConfig(
      'vm',
      entries.map(([key, value]) => PendingEntry.parse({ key, value })),
    ),
  );
  expect(unset).toMatchObject({ balloonMb: 4096, memoryMb: 512, cpuType: 'kvm64', networks: [], vga: 'std' });
});
