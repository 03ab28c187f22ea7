import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseDesired } from '../../../src/core/desired.ts';
import { diffGuest } from '../../../src/core/diff.ts';
import { flakeEntry } from '../../../src/core/flake-entry.ts';
import { flakeOutput, flakeText } from '../../../src/core/flake-text.ts';
import { hasConfig } from '../../../src/core/goal.ts';
import { nix } from '../../builder/nix/here.ts';
import { Story } from '../../contracts/cluster.ts';
import { anImage } from '../../support/builders.ts';
import { evaluated } from '../../support/nix-eval.ts';
import { readNix } from '../../support/nix-reader.ts';
import { openSimulated, seed, seed8 } from './on-simulator.ts';
import { anyGuest, makeMappings, trusting } from './samples.ts';

const dataDisk = {
  vm: { scsi1: 'fast:3,cache=writeback,backup=0' },
  container: { mp0: 'fast:3,mp=/data,backup=1' },
} as const;

describe.each([
  ['9.2', seed],
  ['8.4', seed8],
] as const)('on Proxmox VE %s', (_version, from) => {
  it.each(['vm', 'container'] as const)('any %s is imported as an entry that leaves nothing to plan', async (kind) => {
    const world = await openSimulated(trusting(from()));
    await makeMappings(world);
    onTestFinished(() => world.close());
    const story = new Story(world, kind);
    await fc.assert(
      fc.asyncProperty(anyGuest(kind), async (guest) => {
        await story.make(guest);
        await world.edit(823, { protected: false });
        const path = `/nodes/pve1/${kind === 'vm' ? 'qemu' : 'lxc'}/823`;
        await world.admin('PUT', `${path}/config`, dataDisk[kind]);
        await world.edit(823, { protected: guest.protected });
        const live = await story.read();
        if (!hasConfig(live)) throw new Error('the guest was not read');
        const at = { guestKind: kind, vmid: live.vmid, node: live.node };
        const entry = flakeEntry(live, 'the guest', await world.cluster.details(at));
        if ('why' in entry) throw new Error(entry.why);

        const output = flakeOutput([entry]);
        const [wanted] = parseDesired(output);
        if (wanted === undefined) throw new Error('nothing is declared');
        expect([...diffGuest({ ...wanted, image: anImage('a', kind) }, live)]).toEqual([]);
        expect(entry).toMatchObject({ unsaid: [], changes: [] });
        expect(Object.values(entry.fields['disks'] ?? entry.fields['mounts'] ?? {})).toMatchObject([{ size_gb: 3 }]);
        expect(readNix(flakeText([entry]))).toEqual(output);
        if (nix !== undefined) expect(await evaluated(flakeText([entry]))).toEqual(output);
        await world.edit(823, { protected: false });
        await world.remove(823);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
