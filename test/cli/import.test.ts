import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { webConsole } from '../../src/chat/console/kind.ts';
import { importedText, importGuests } from '../../src/cli/import.ts';
import { demoSeed, type Seed } from '../../src/simulator/simulator.ts';
import { startFront } from './support/front.ts';
import { aFolder, aSimulator, envFile } from './support/services.ts';

type SeedGuest = Seed['guests'][number];

const aVm = (vmid: number, config: SeedGuest['config'] = {}, more: Partial<SeedGuest> = {}): SeedGuest => ({
  ...{ type: 'qemu', vmid, node: 'pve1', running: true },
  config: {
    ...{ name: `vm-${vmid}`, cores: 2, memory: '1024', agent: '1', ostype: 'l26', boot: 'order=scsi0' },
    scsihw: 'virtio-scsi-single',
    scsi0: `fast:${vmid}/vm-${vmid}-disk-0.qcow2,size=8G`,
    net0: `virtio=BC:24:11:00:00:${String(vmid).slice(-2)},bridge=vmbr0`,
    smbios1: `uuid=00000000-0000-4000-8000-000000000${vmid}`,
    ...config,
  },
  ...more,
});
const aContainer: SeedGuest = {
  ...{ type: 'lxc', vmid: 200, node: 'pve1', running: false },
  config: {
    ...{ hostname: 'cache', arch: 'amd64', ostype: 'debian', cores: 1, memory: '512', swap: '512', unprivileged: '1' },
    rootfs: 'local-lvm:vm-200-disk-0,size=4G',
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:00,ip=dhcp,type=veth',
  },
};

async function anImport(
  guests: readonly SeedGuest[],
  change: {
    seed?: Partial<Seed>;
    env?: Readonly<Record<string, string>>;
    canned?: Readonly<Record<string, unknown>>;
  } = {},
) {
  const volumes = guests.map(({ vmid, type }) =>
    type === 'qemu'
      ? {
          volid: `fast:${vmid}/vm-${vmid}-disk-0.qcow2`,
          content: 'images',
          format: 'qcow2',
          size: 2 ** 20,
          virtualSize: 2 ** 33,
        }
      : {
          volid: `local-lvm:vm-${vmid}-disk-0`,
          content: 'rootdir',
          format: 'raw',
          size: 2 ** 32,
          virtualSize: 2 ** 32,
        },
  );
  const seed: Seed = {
    ...demoSeed(),
    guests: [...guests],
    volumes: [...demoSeed().volumes, ...volumes],
    ...change.seed,
  };
  const simulator = await aSimulator(seed);
  const front = await startFront(simulator.url);
  for (const [name, body] of Object.entries(change.canned ?? {})) front.answers.set(name, { status: 200, body });
  const dir = aFolder();
  const single = {
    PROXMOX_URL: front.origin,
    PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
    GIT_URL: 'https://git.example.org/acme/web.git',
    APPROVERS: 'console:owner',
  };
  const fleets = change.env?.['PROXNIX_FLEETS'];
  const file = envFile(dir, {
    [fleets === undefined ? 'PROXMOX_TOKEN_SECRET' : 'HOME_TOKEN']: seed.tokens[0]?.secret ?? '',
    WEBHOOKS: 'off',
    STATE_DIR: join(dir, 'state'),
    ...(fleets === undefined ? { ...single, ...change.env } : { PROXNIX_FLEETS: join(dir, fleets) }),
  });
  const options = { envFile: file, env: {}, chats: [webConsole] };
  return {
    simulator,
    dir,
    text: (more: { vmid?: string; fleet?: string } = {}) => importedText({ ...options, ...more }),
    options,
  };
}

describe('the import', () => {
  it('prints every guest that the token sees, and leaves out what is none of anybody’s guests', async () => {
    const staging = { tags: 'proxnix;proxnix-pending', description: 'proxnix staging for guest 101' };
    const guests = [
      aVm(101, { hookscript: 'local:snippets/a.pl', tags: 'prod' }),
      aVm(102, { template: 1 }),
      aVm(103, staging, { running: false }),
      aVm(104, { tags: 'proxnix;fleet-other' }),
      aContainer,
    ];
    const { text } = await anImport(guests);
    const printed = await text();
    expect(printed).toContain(`
  vms = {
    vm-101 = {
      name = "vm-101";
      vm_id = 101; # it lives on pve1
      image_type = "vm-101"; # a guess: its image is not known
      cores = 2;
      sockets = 1;
      memory_mb = 1024;
      disk_gb = 8;
      storage_location = "fast";
      scsi_hw = "virtio-scsi-single";
      cloud_init = "None";
      onboot = false;
      protected = false;
      tags = [ "prod" ];
      # The guest also has, and no field says it:
      #   hookscript: local:snippets/a.pl
    };
  };
  containers = {
    cache = {
      name = "cache";
      vm_id = 200; # it lives on pve1
`);
    expect(printed).toContain('power = "unmanaged"; # it is stopped now\n');
    expect(printed).not.toMatch(/vm-10[234]/);
  });

  it("tells the lines of a container that are LXC's own", async () => {
    const lxc = [
      ['lxc.cgroup2.devices.allow', 'c 226:* rwm'],
      ['lxc.environment.runtime', 'TOKEN=abc'],
    ];
    const { text } = await anImport([aContainer], {
      canned: { 'GET /api2/json/nodes/pve1/lxc/200/config': { data: { lxc } } },
    });
    const told = ['ostype: debian', 'lxc.cgroup2.devices.allow: c 226:* rwm', 'lxc.environment.runtime: (not shown)'];
    expect(await text()).toContain(told.map((fact) => `      #   ${fact}\n`).join(''));
  });

  it('prints those that are named', async () => {
    const { text } = await anImport([aVm(101), aVm(102), aVm(103, { name: 'vm-101' })]);
    expect(await text({ vmid: '102, 103' })).toMatch(
      /vms = \{\n {4}vm-102 = [\s\S]*\n {4}vm-101 = [\s\S]*containers = \{ \};/,
    );
    const both = await text({ vmid: '101,103' });
    expect(both).toContain('    vm-101-103 = {\n      name = "vm-101";');
    expect(both).toContain('# To correct, proxnix refuses it as it stands: ');
  });

  it('says of each that is named why it cannot be printed', async () => {
    const { text } = await anImport([aVm(102, { template: 1 }), aVm(104, { tags: 'proxnix;fleet-other' })]);
    await expect(text({ vmid: '999' })).rejects.toThrow('There is no guest 999.');
    await expect(text({ vmid: '102' })).rejects.toThrow('VM 102 (vm-102) is a template.');
    await expect(text({ vmid: '104,999' })).rejects.toMatchObject({
      message: '2 guests cannot be imported.',
      details: ['VM 104 (vm-104) belongs to another fleet.', 'There is no guest 999.'],
    });
    await expect(text({ vmid: '10,x' })).rejects.toThrow('--vmid takes VMIDs such as 100,101, not "10".');
    await expect(text({ vmid: ' ' })).rejects.toThrow('--vmid takes VMIDs');
  });

  it('says that a token may not see a guest', async () => {
    const seed = demoSeed();
    const tokens = seed.tokens.map((token) => {
      const { '/vms': _, ...rest } = token.privileges;
      return token.tokenid === 'proxnix@pve!bot' ? { ...token, privileges: rest } : token;
    });
    const { text } = await anImport([aVm(101)], { seed: { tokens }, env: { PROXMOX_POOL: 'proxnix' } });
    await expect(text({ vmid: '101' })).rejects.toThrow('The token may not see the guest 101.');
    expect(await text()).toContain('{\n  vms = { };\n  containers = { };\n}\n');
  });

  it('says that a node does not answer', async () => {
    const [first] = demoSeed().nodes;
    if (first === undefined) throw new Error('no node');
    const nodes = [first, { ...first, node: 'pve2', unreachable: 'No route to host' }];
    const { text } = await anImport([aVm(101), aVm(105, {}, { node: 'pve2' })], { seed: { nodes } });
    const why = 'VM 105 cannot be read: its node pve2 does not answer.';
    expect(await text()).toContain(`# Left out: ${why}\n`);
    await expect(text({ vmid: '105' })).rejects.toThrow(why);
  });

  it('asks for the fleet where there are several, and takes no guest of another', async () => {
    const guests = [aVm(101, { tags: 'proxnix;fleet-web' }), aVm(102), aVm(103, { tags: 'proxnix;fleet-lab' })];
    const { text, simulator, dir } = await anImport(guests, { env: { PROXNIX_FLEETS: 'fleets.json' } });
    const cluster = { url: simulator.url, tokenId: 'proxnix@pve!bot', tokenSecret: { env: 'HOME_TOKEN' } };
    const fleet = { cluster: 'home', gitUrl: 'https://git.example.org/acme/web.git', approvers: ['console:owner'] };
    const lab = { ...fleet, gitUrl: 'https://git.example.org/acme/lab.git' };
    writeFileSync(
      join(dir, 'fleets.json'),
      JSON.stringify({ clusters: { home: cluster }, fleets: { web: fleet, lab } }),
    );
    await expect(text()).rejects.toThrow('There are several fleets: web, lab.');
    await expect(text({ fleet: 'home' })).rejects.toThrow('There is no fleet "home", only web, lab.');
    expect((await text({ fleet: 'lab' })).match(/vm-\d+(?= = )/g)).toEqual(['vm-102', 'vm-103']);
  });

  it('says what is missing in the configuration', async () => {
    const options = { envFile: envFile(aFolder(), { APPROVERS: 'console:owner' }), env: {}, chats: [webConsole] };
    await expect(importedText(options)).rejects.toMatchObject({
      message: 'The configuration is not complete.',
      details: expect.arrayContaining([expect.stringMatching(/^PROXMOX_URL: /)]),
    });
  });

  it('writes to the standard output, without the secrets of the configuration', async () => {
    const secret = demoSeed().tokens[0]?.secret ?? '';
    const { options } = await anImport([aVm(101, { description: `the token is ${secret}` })]);
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => write.mockRestore());
    await importGuests(options);
    const printed = write.mock.calls.flat().join('');
    expect(printed).toContain('description = "the token is [secret]";');
  });
});
