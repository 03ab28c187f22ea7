import { describe, expect, it } from 'vitest';
import { grantsFor, mendLine, roleLines } from '../../../src/cli/doctor/grants.ts';

const wanted = { major: 9, imageStorage: 'images', targetStorages: ['local-lvm', 'fast', 'fast'], bridges: ['vmbr0'] };

describe('grantsFor', () => {
  it('asks on each path for what the bot does there', () => {
    expect(grantsFor(wanted).map(({ path, privileges }) => [path, privileges.length])).toEqual([
      ['/vms', 12],
      ['/storage/local-lvm', 2],
      ['/storage/fast', 2],
      ['/storage/images', 3],
      ['/sdn/zones/localnetwork/vmbr0', 1],
      ['/nodes', 1],
    ]);
  });

  it('knows the agent by the name it has in each release', () => {
    const names = (major: number) => grantsFor({ ...wanted, major })[0]?.privileges.map(({ name }) => name);
    expect(names(9)).toContain('VM.GuestAgent.Audit');
    expect(names(9)).not.toContain('VM.Monitor');
    expect(names(8)).toContain('VM.Monitor');
    expect(names(8)).not.toContain('VM.GuestAgent.Audit');
  });

  it('asks on a pool in place of all guests', () => {
    expect(grantsFor({ ...wanted, pool: 'proxnix' })[0]?.path).toBe('/pool/proxnix');
  });

  it('asks for what single settings need, and for nothing of it otherwise', () => {
    const more = { startup: true, pools: ['web', 'proxnix'], mappings: ['pci/gpu', 'usb/stick'], pool: 'proxnix' };
    const paths = grantsFor({ ...wanted, ...more }).flatMap(({ path, privileges }) => [
      path,
      privileges.map(({ name }) => name).join(),
    ]);
    expect(paths.join(' ')).toContain('/ Sys.Modify /pool/web Pool.Allocate,Pool.Audit /mapping/pci/gpu Mapping.Use');
    expect(paths.filter((path) => path === '/pool/proxnix')).toHaveLength(1);
  });

  it('has each role once in the commands', () => {
    const lines = roleLines(grantsFor(wanted));
    expect(lines).toHaveLength(5);
    expect(lines[1]).toBe("pveum role add ProxnixDisk --privs 'Datastore.AllocateSpace Datastore.Audit'");
  });
});

describe('mendLine', () => {
  it('makes the role, adds the privilege and gives both the user and the token the role', () => {
    const [grant] = grantsFor(wanted);
    if (grant === undefined) throw new Error('no grant');
    expect(mendLine(grant, [{ name: 'VM.Audit' }], 'proxnix@pve!bot')).toBe(
      'pveum role add ProxnixVM 2>/dev/null; pveum role modify ProxnixVM --append 1 --privs VM.Audit; ' +
        'pveum acl modify /vms --roles ProxnixVM --users proxnix@pve; ' +
        "pveum acl modify /vms --roles ProxnixVM --tokens 'proxnix@pve!bot'",
    );
  });
});
