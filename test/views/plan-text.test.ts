import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPlan, type Plan } from '../../src/core/plan.ts';
import type { Review } from '../../src/core/review.ts';
import { guestLines } from '../../src/views/guest-lines.ts';
import { lineText, planTable, planText } from '../../src/views/plan-text.ts';
import * as any from '../support/arbitraries.ts';
import { aBigPlan, aGuest, aLiveGuest, anImage, aPlan } from '../support/builders.ts';

const planLines = (plan: Plan) => guestLines(planTable(plan)).flat();

describe('the lines of a plan', () => {
  const plans = fc.tuple(any.goal, any.liveState).map(([goal, live]) => createPlan(goal, live));

  it('are no wider than 60 columns', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(
          planLines(plan)
            .map(lineText)
            .filter((line) => line.length > 60),
        ).toEqual([]);
      }),
    );
  });

  it('are no wider than 60 columns for two long descriptions, and for tags that are cleared up', () => {
    const long = aGuest({ description: 'serves the website of the company, behind the proxy' });
    const live = aLiveGuest({
      config: { description: 'was made by hand before there was a flake for it' },
      tags: [...aLiveGuest().tags, `commit-${'0'.repeat(40)}`].sort(),
    });
    const wide = planLines(aPlan({ guests: [long] }, [live])).map(lineText);
    expect(wide.filter((line) => line.length > 60)).toEqual([]);
  });

  it('name every guest that is changed, and keep every line of a destroy and of what is blocked', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const lines = planLines(plan);
        for (const change of plan.changes) {
          const own = lines.filter(({ text }) => text.includes(change.name) && text.includes(`(${change.vmid})`));
          expect(own.length).toBeGreaterThan(0);
          if (change.action === 'destroy' || change.blocked) expect(own.some(({ keep }) => keep === true)).toBe(true);
        }
      }),
    );
  });

  it('tell the place of a guest in the run where the flake sets it', () => {
    const guests = [aGuest({ vmid: 101, name: 'second', order: 2 }), aGuest({ vmid: 102, name: 'first' })];
    const lines = planLines(aPlan({ guests })).map(lineText);
    expect(lines.filter((line) => line.startsWith('+')).map((line) => line.split(/\s+/)[1])).toEqual([
      'first',
      'second',
    ]);
    expect(lines.filter((line) => /\border \d/.test(line))).toEqual([expect.stringContaining('order 2')]);
  });

  it('tell what goes: the old root disk of a replace, and of a destroy every disk, its uptime and its address', () => {
    const config = { unused: { unused0: 'slow:vm-830-disk-9' }, unusedMb: { 'slow:vm-830-disk-9': 4096 } };
    const old = aLiveGuest({ uptimeS: 12 * 86_400, config }, aGuest({ vmid: 830, name: 'old' }));
    const plan = aPlan({ guests: [aGuest({ image: anImage('b'), diskGb: 8 })] }, [aLiveGuest({}, aGuest()), old]);
    const told = (review?: Review) =>
      guestLines(planTable(plan, review))
        .flat()
        .map(({ text }) => text.trim())
        .join(' ');
    expect(told({ addresses: { 823: '10.0.0.3', 830: '10.0.0.30' } })).toContain(
      'its disks are deleted, scsi0 20 GiB on local-lvm, unused0 4 GiB on slow, runs for 12 d, address 10.0.0.30 test-website',
    );
    expect(told()).toContain('old root disk (20 GiB on local-lvm) is kept, disk 20 -> 8 GiB');
    expect(told()).not.toContain('address');
  });

  it('tell where both disks of a rollback are, because the guest moves back to an earlier storage', () => {
    const disks = { scsi0: { volid: 'fast:vm-823-disk-0', storage: 'fast', sizeMb: 8192 } };
    const kept = { vmid: 823, uuid: aLiveGuest().config.uuid ?? '', volid: 'local-lvm:vm-823-disk-1', since: 0 };
    const live = aLiveGuest({ config: { disks, unused: { unused0: kept.volid } } });
    const told = (sizeMb?: number) => {
      const retained = [{ ...kept, ...(sizeMb === undefined ? {} : { sizeMb }) }];
      const lines = planLines(aPlan({ rollback: { vmid: 823, retained } }, [live]));
      return lines.map(({ text }) => text.trim()).join(' ');
    };
    expect(told(4096)).toContain(
      'current root disk (8 GiB on fast) is kept, earlier root disk (4 GiB on local-lvm) comes back',
    );
    expect(told()).toContain('earlier root disk (a disk on local-lvm) comes back');
  });

  it('shorten notes and keys, which the file has whole', () => {
    const key = `ssh-ed25519 ${'A'.repeat(68)} ada@home`;
    const description = 'serves the website of the company,\nbehind the proxy';
    const guest = aGuest({ description, cloudInit: { storage: 'local-lvm', sshKeys: [key] } });
    const plan = aPlan({ guests: [guest] }, [aLiveGuest()]);
    const told = planLines(plan).map(lineText).join('\n');
    expect(told).toContain('ssh_keys=ada@home');
    expect(told).not.toContain(key);
    expect(planText(plan)).toContain(
      `  cloud-init local-lvm ssh_keys=${key}\n  description ${JSON.stringify(description)}\n`,
    );
  });

  it('show what the flake names of a new guest, and nothing that it leaves out', () => {
    const named = aGuest({
      cpuType: 'host',
      networks: [{ vlan: 30 }, { bridge: 'vmbr1' }],
      cloudInit: { storage: 'local-lvm', user: 'ops' },
      tags: ['db'],
      pool: 'web',
      power: 'stopped',
    });
    const told = planLines(aPlan({ guests: [named] }, []))
      .map(({ text }) => text.trim())
      .join(' ');
    expect(told).toContain('cpu host, networks net0 vlan=30, net1 bridge=vmbr1, cloud-init local-lvm user=ops,');
    expect(told).toContain('tags db, pool web, power stopped, on pve1');
    expect(planLines(aPlan({ guests: [aGuest()] }, [])).map(({ text }) => text.trim())).toHaveLength(3);
  });

  it('never break a line', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(planLines(plan).filter(({ text }) => /[\r\n]/.test(text))).toEqual([]);
      }),
    );
  });

  it('say with words what their signs say', () => {
    expect(
      planLines(aBigPlan())
        .filter(({ mark }) => mark !== ' ')
        .map(lineText),
    ).toEqual([
      '-   test-old    (830)  destroy',
      '+   test-init   (820)  create  build-qcow2-init',
      '~   test-cp     (821)  update  build-qcow2-cp',
      '-/+ test-worker (822)  replace  build-qcow2-worker',
    ]);
  });
});

describe('the whole plan as a file', () => {
  it('has the digest, the commit and the store paths in full', () => {
    const plan = aBigPlan();
    const text = planText(plan);
    expect(text.split('\n').slice(0, 3)).toEqual([
      `Plan ${plan.id} of homelab: destroy 1, replace 1, update 1, create 1`,
      `commit ${plan.goal.commit.sha}`,
      `digest ${plan.digest}`,
    ]);
    expect(text).toContain('/nix/store/cccccccccccccccccccccccccccccccc-nixos-image-build-qcow2-worker');
    expect(text).not.toContain('nixos-image-build-qcow2-cp');
    expect(text.endsWith('\n')).toBe(true);
  });

  it('says when nothing can be run', () => {
    const blocked = aPlan({}, [aLiveGuest({ tags: [] })]);
    expect(planText(blocked)).toContain(' of homelab: 1 blocked\n');
  });
});

describe('what does not happen', () => {
  it('is not told of a destroy that is blocked', () => {
    const text = planText(aPlan({ guests: [] }, [aLiveGuest({ config: { protected: true } })]));
    expect(text).toContain('destroy, blocked');
    expect(text).toContain('image aaaaaaaa\n');
    expect(text).not.toMatch(/-> none|deleted/);
  });

  it('is not told of a rollback without a disk to go back to', () => {
    const text = planText(aPlan({ rollback: { vmid: 823, retained: [] } }, [aLiveGuest()]));
    expect(text).toContain('roll back, blocked');
    expect(text).not.toContain('-> none');
  });
});
