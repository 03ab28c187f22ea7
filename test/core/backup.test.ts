import { describe, expect, it } from 'vitest';
import { fleetBackupOf, parseDesired } from '../../src/core/desired.ts';
import { UserError } from '../../src/core/errors.ts';
import { createPlan } from '../../src/core/plan.ts';
import { aFlakeEntry, aGoal, aGuest, aLiveGuest, aNode, anImage, aState } from '../support/builders.ts';
import { onlyChange } from './changes.ts';

const backupOf = (own: unknown, common?: unknown) => {
  const web = aFlakeEntry('vm', own === undefined ? {} : { backup: own });
  return parseDesired({ vms: { web }, ...(common === undefined ? {} : { backup: common }) })[0]?.backup;
};

function mistakeOf(own: unknown, common?: unknown): string {
  try {
    backupOf(own, common);
  } catch (error) {
    if (error instanceof UserError) return error.message;
  }
  throw new Error('the flake was taken as valid');
}

describe('the backup of a guest in the flake', () => {
  it('is none by default, and before a replace and a destroy where nothing else is said', () => {
    expect(backupOf(undefined)).toBeUndefined();
    expect(backupOf({ storage: 'pbs' })).toEqual({ storage: 'pbs', before: ['replace', 'destroy'] });
  });

  it('is that of the fleet, as far as the guest does not name a part of its own', () => {
    const common = { storage: 'pbs', before: ['destroy'] };
    expect(backupOf(undefined, common)).toEqual(common);
    expect(backupOf({ before: ['update'] }, common)).toEqual({ storage: 'pbs', before: ['update'] });
    expect(backupOf({ storage: 'other' }, common)).toEqual({ storage: 'other', before: ['destroy'] });
    expect(backupOf({ before: [] }, common)).toEqual({ storage: 'pbs', before: [] });
    expect(backupOf({ before: [] })).toEqual({ before: [] });
    expect(fleetBackupOf({ vms: {}, backup: common })).toEqual(common);
    expect(fleetBackupOf({ vms: {} })).toBeUndefined();
  });

  it.each([
    [
      { before: ['replace'] },
      undefined,
      'web: "backup.storage" is missing: neither the guest nor `proxnix.backup` names it',
    ],
    [
      { storage: 'pbs', before: ['create'] },
      undefined,
      'web: "backup.before.0" must be one of replace, destroy, update',
    ],
    [{ storage: 'pbs', storge: 'pbs' }, undefined, 'web: unknown field "backup.storge", did you mean "storage"?'],
    [undefined, { storage: 'a/b' }, 'proxnix: "backup.storage" must be a plain name (letters, digits, . _ -)'],
    [undefined, { storge: 'pbs' }, 'proxnix: unknown field "backup.storge", did you mean "storage"?'],
    [undefined, 'pbs', 'proxnix: "backup" must be'],
  ])('%j of a guest and %j of the fleet: %s', (own, common, mistake) => {
    expect(mistakeOf(own, common)).toContain(mistake);
  });
});

describe('the backup of a plan', () => {
  const nodes = [aNode({ storages: ['local-lvm', 'pbs'] })];
  const planOf = (goal: object, live: Parameters<typeof aLiveGuest>[0] = {}, on = nodes) =>
    createPlan(aGoal(goal), aState([aLiveGuest(live)], on));
  const backup = { storage: 'pbs', before: ['replace', 'destroy'] as const };
  const guest = aGuest({ image: anImage('b'), backup });

  it('comes before a replace and is part of what is approved', () => {
    const plan = planOf({ guests: [guest] });
    expect(onlyChange(plan)).toMatchObject({ action: 'replace', backupTo: 'pbs' });
    const without = planOf({ guests: [aGuest({ image: anImage('b') })] });
    expect(onlyChange(without)).not.toHaveProperty('backupTo');
    expect(plan.changesDigest).not.toBe(without.changesDigest);
  });

  it('comes before the destroy of a guest as it last had one, else as the fleet has it', () => {
    const destroyed = (goal: object) => onlyChange(planOf({ guests: [], ...goal }));
    expect(destroyed({})).not.toHaveProperty('backupTo');
    expect(destroyed({ backup })).toMatchObject({ backupTo: 'pbs' });
    const none = [{ vmid: 823, backup: { before: [] } }];
    expect(destroyed({ backup, backups: none })).not.toHaveProperty('backupTo');
  });

  it('blocks no change that is blocked already for another reason', () => {
    const locked = planOf({ guests: [guest] }, { lock: 'migrate' }, [aNode()]);
    expect(onlyChange(locked).blocked?.reason).toBe('locked');
  });
});
