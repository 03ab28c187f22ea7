import { describe, expect, it } from 'vitest';
import { severalNodes } from '../cluster/proxmox/several-nodes.ts';
import { aVm } from './support/fleet.ts';
import { imageBytes, startOnNodes } from './support/several-nodes.ts';

const website = (change: Readonly<Record<string, unknown>> = {}) => ({ website: aVm(change) });
const database = (change: Readonly<Record<string, unknown>> = {}) =>
  aVm({ name: 'test-database', vm_id: 822, ...change });

describe('a new guest', () => {
  it('goes to the node with the most free memory that has its storage, and so does its image', async () => {
    const { bench, deploy, uploads, guests, simulator } = await startOnNodes(
      severalNodes({ fast: { nodes: ['pve1', 'pve2'] } }),
    );
    await deploy(1, { vms: { ...website(), database: database({ storage_location: 'slow' }) } });
    expect(guests()).toEqual(['822 pve3 running', '823 pve2 running']);
    expect(uploads().sort()).toEqual([
      'POST /api2/json/nodes/pve2/storage/local/upload',
      'POST /api2/json/nodes/pve3/storage/local/upload',
    ]);
    expect(
      simulator
        .volumes()
        .filter(({ content }) => content === 'import')
        .map(({ node }) => node ?? 'shared')
        .sort(),
    ).toEqual(['pve2', 'pve3']);
    expect(bench.errors()).toEqual([]);
  });

  it('brings its image once where the nodes share the image storage', async () => {
    const { deploy, uploads, guests } = await startOnNodes(
      severalNodes({ local: { shared: true }, fast: { nodes: ['pve2'] } }),
    );
    await deploy(1, { vms: { ...website(), database: database({ storage_location: 'slow' }) } });
    expect(guests()).toEqual(['822 pve3 running', '823 pve2 running']);
    expect(uploads()).toHaveLength(1);
  });

  it('goes where its image can go, and the plan says why when that is nowhere', async () => {
    const { bench, plan } = await startOnNodes(severalNodes({ local: { nodes: ['pve1'] } }));
    await bench.push(1, { vms: { ...website(), database: database({ node: 'pve2' }) } });
    expect(plan()).toEqual(['create 822 on pve2 (images)', 'create 823 on pve1']);
    expect(bench.text().replaceAll(/\s+/g, ' ')).toContain(
      'The storage local does not exist on node pve2: set PROXMOX_IMAGE_STORAGE to one that is on every node, or add the node to the storage: pvesm set local --nodes pve1,pve2',
    );
  });

  it('does not go to a node that is down', async () => {
    const { bench, simulator, plan } = await startOnNodes();
    await simulator.outside({ do: 'node-down', node: 'pve3' });
    await bench.push(1, { vms: website() });
    expect(plan()).toEqual(['create 823 on pve2']);
  });
});

it('twenty VMs of one image on one node send it over the network once', async () => {
  const { bench, deploy, uploads, guests, wire } = await startOnNodes();
  const vms = Array.from({ length: 20 }, (_, index) => [
    `vm${index}`,
    aVm({ name: `test-${index}`, vm_id: 800 + index, cores: 1, memory_mb: 256, disk_gb: 1, node: 'pve2' }),
  ]);
  await deploy(1, { vms: Object.fromEntries(vms) });
  expect(guests()).toEqual(Array.from({ length: 20 }, (_, index) => `${800 + index} pve2 running`));
  expect(uploads()).toEqual(['POST /api2/json/nodes/pve2/storage/local/upload']);
  // Everything else together is less than a second journey.
  expect(wire.sent).toBeGreaterThan(imageBytes);
  expect(wire.sent).toBeLessThan(2 * imageBytes + 20 * 20_000);
  expect(bench.errors()).toEqual([]);
}, 60_000);

describe('a guest that is migrated', () => {
  async function deployed() {
    const story = await startOnNodes();
    await story.deploy(1, { vms: website({ node: 'pve1' }) });
    const migrate = (target = 'pve2') => story.simulator.outside({ do: 'migrate', vmid: 823, target });
    return { ...story, migrate };
  }

  it('is no difference by itself: a flake that names no node has nothing to say', async () => {
    const { bench, migrate } = await deployed();
    await migrate();
    await bench.push(2, { vms: website() });
    bench.run('in-sync');
  });

  it('between plan and press is said on the card, and the new plan acts where it is', async () => {
    const { bench, migrate, simulator, uploads, plan } = await deployed();
    await bench.push(2, { vms: website(), images: { website: 'website 2' } });
    expect(plan()).toEqual(['replace 823 on pve1']);
    const { smbios1 } = simulator.guest(823)?.config ?? {};
    await migrate();
    expect(await bench.press('approve')).toMatchObject({ code: 'plan-drifted' });
    await bench.settle();
    expect(bench.text()).toContain('test-website (823) moved from pve1 to pve2');
    expect(plan()).toEqual(['replace 823 on pve2']);
    await bench.apply();
    bench.run('applied');
    expect(uploads().map((one) => one.split('/')[4])).toEqual(['pve1', 'pve2']);
    expect(simulator.guest(823)).toMatchObject({ node: 'pve2', config: { smbios1 } });
    await bench.push(3, { vms: website(), images: { website: 'website 2' } });
    bench.run('in-sync');
  });

  it.each(['configure', 'attach', 'swap', 'restart'] as const)(
    'between two steps stops the run before it writes (%s), and the next plan finishes the work where it is',
    async (kind) => {
      const { bench, beforeNext, migrate, simulator, guests, plan, requests } = await deployed();
      const { smbios1 } = simulator.guest(823)?.config ?? {};
      const declared = { vms: website({ memory_mb: 4096 }), images: { website: 'website 2' } };
      await bench.push(2, declared);
      let from = Number.POSITIVE_INFINITY;
      beforeNext(kind, async () => {
        await migrate();
        from = requests.length;
      });
      await bench.apply();
      expect(bench.run('failed').failure.message).toBe('VM 823 is not on pve1 any more.');
      expect(bench.text()).toContain('VM 823 is not on pve1 any more.');
      const wayBack = 'It could not be rolled back: VM 823 was moved to pve2 meanwhile.';
      expect(bench.text().includes(wayBack)).toBe(kind === 'restart');
      const written = requests.slice(from).filter((request) => !request.startsWith('GET '));
      expect(written.filter((request) => request.includes('/qemu/823'))).toEqual([]);
      expect(simulator.guest(823)).toMatchObject({ node: 'pve2', config: { smbios1 } });
      expect(simulator.guest(823)?.startedAt).toBeDefined();

      await bench.push(3, declared);
      // After the swap the new disk is its root already: the next plan finishes the work without a second import.
      const action = kind === 'restart' ? 'update' : 'replace';
      expect(plan().filter((one) => !one.startsWith('clean-up'))).toEqual([`${action} 823 on pve2`]);
      await bench.apply();
      bench.run('applied');
      expect(guests()).toEqual(['823 pve2 running']);
      expect(simulator.guest(823)?.config).toMatchObject({ smbios1, memory: '4096' });
      await bench.push(4, declared);
      bench.run('in-sync');
    },
  );

  it('while it is made is not touched any more, and the next plan finishes it', async () => {
    const { bench, beforeNext, simulator, guests, plan } = await startOnNodes();
    await bench.push(1, { vms: website({ node: 'pve1' }) });
    beforeNext('resize', () => simulator.outside({ do: 'migrate', vmid: 823, target: 'pve2' }));
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('VM 823 is not on pve1 any more.');
    expect(guests()).toEqual(['823 pve2 stopped pending']);
    await bench.push(2, { vms: website() });
    expect(plan()).toEqual(['update 823 on pve2']);
    await bench.apply();
    bench.run('applied');
    expect(guests()).toEqual(['823 pve2 running']);
  });

  it('leaves no staging guest behind: the next plan cleans up on the node it was made on', async () => {
    const { bench, beforeNext, migrate, simulator, guests, plan } = await deployed();
    const declared = { vms: website(), images: { website: 'website 2' } };
    await bench.push(2, declared);
    // The bot is killed with its staging guest there; the owner is migrated before it comes back.
    beforeNext('attach', async () => {
      bench.kill();
      await migrate();
    });
    await bench.press('approve');
    await expect.poll(() => simulator.guest(823)?.node).toBe('pve2');
    await bench.restart();
    await bench.settle();
    expect(guests()).toEqual(['823 pve2 running', '900000823 pve1 stopped pending']);
    expect(plan()).toEqual(['replace 823 on pve2', 'clean-up 900000823 on pve1']);
    await bench.apply();
    bench.run('applied');
    expect(guests()).toEqual(['823 pve2 running']);
  });
});

describe('a node that is down', () => {
  const vms = (change: Readonly<Record<string, unknown>> = {}) => ({
    website: aVm({ node: 'pve2', ...change }),
    database: database({ node: 'pve1', ...change }),
  });

  async function deployed() {
    const story = await startOnNodes();
    await story.deploy(1, { vms: vms() });
    return story;
  }

  it('blocks what is about its guests and nothing else; they are planned again when it is back', async () => {
    const { bench, simulator, plan, guests } = await deployed();
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    await bench.push(2, { vms: vms({ memory_mb: 4096 }) });
    expect(plan()).toEqual(['update 822 on pve1', 'conflict 823 on pve2 (unreachable)']);
    await bench.apply();
    bench.run('applied');
    expect(simulator.guest(822)?.config['memory']).toBe('4096');
    await simulator.outside({ do: 'node-up', node: 'pve2' });
    await bench.push(3, { vms: vms({ memory_mb: 4096 }) });
    expect(plan()).toEqual(['update 823 on pve2']);
    await bench.apply();
    expect(guests()).toEqual(['822 pve1 running', '823 pve2 running']);
    expect(simulator.guest(823)?.config['memory']).toBe('4096');
  });

  it('keeps guests that are not wanted any more from being destroyed, and from being made anew elsewhere', async () => {
    const { bench, simulator, plan } = await deployed();
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    await bench.push(2, { vms: { database: database() } });
    expect(bench.run('blocked').plan.changes.map(({ action, blocked }) => [action, blocked?.reason])).toEqual([
      ['destroy', 'unreachable'],
    ]);
    await bench.push(3, { vms: { ...website(), database: database(), third: aVm({ name: 'third', vm_id: 824 }) } });
    expect(plan()).toEqual(['conflict 823 on pve2 (unreachable)', 'create 824 on pve3']);
  });

  it.each([true, false])(
    'in the middle of a run fails it, and nothing else is touched (noticed: %s)',
    async (noticed) => {
      const { bench, beforeNext, simulator, guests, plan, requests } = await deployed();
      const before = structuredClone(simulator.guest(822)?.config);
      const declared = { vms: vms(), images: { website: 'website 2' } };
      // The replacement of 822 on pve1 comes first by VMID: 823 is made to be before it.
      const ordered = { ...declared, vms: { ...declared.vms, database: database({ node: 'pve1', order: 1 }) } };
      await bench.push(2, ordered);
      let from = Number.POSITIVE_INFINITY;
      beforeNext('swap', async () => {
        await simulator.outside({ do: 'node-down', node: 'pve2', noticed });
        from = requests.length;
      });
      await bench.apply();
      const { failure } = bench.run('failed');
      expect(failure.message).toContain('595 No route to host');
      expect(failure.next).toContain('Node pve2 cannot be reached');
      expect(requests.slice(from).filter((request) => !request.startsWith('GET '))).toEqual([]);
      expect(simulator.guest(822)?.config).toEqual(before);

      await bench.push(3, ordered);
      expect(plan()).toEqual(['conflict 823 on pve2 (unreachable)', 'replace 822 on pve1']);
      await simulator.outside({ do: 'node-up', node: 'pve2' });
      await bench.push(4, ordered);
      expect(plan()).toEqual(['replace 823 on pve2', 'replace 822 on pve1']);
      await bench.apply();
      bench.run('applied');
      expect(guests()).toEqual(['822 pve1 running', '823 pve2 running']);
    },
  );

  it('while its guest restarts is said in the failure, and the guest is not called another machine', async () => {
    const { bench, beforeNext, simulator, plan, guests } = await deployed();
    const { website: first } = vms();
    const later = database({ node: 'pve1', order: 1 });
    const declared = { vms: { website: first, database: later }, images: { website: 'website 2' } };
    await bench.push(2, declared);
    beforeNext('restart', () => simulator.outside({ do: 'node-down', node: 'pve2' }));
    await bench.apply();
    const { failure } = bench.run('failed');
    expect(failure.message).toContain('595 No route to host');
    expect(failure.next).toContain('It could not be rolled back: VM 823 cannot be read on pve2.');
    await simulator.outside({ do: 'node-up', node: 'pve2' });
    await bench.push(3, declared);
    expect(plan()).toEqual(['update 823 on pve2', 'replace 822 on pve1']);
    await bench.apply();
    bench.run('applied');
    expect(guests()).toEqual(['822 pve1 running', '823 pve2 running']);
  });
});
