import { describe, expect, it } from 'vitest';
import { demoSeed } from '../../../src/simulator/demo-seed.ts';
import { ApiError } from '../../../src/simulator/errors.ts';
import { checkParameters } from '../../../src/simulator/parameters/check.ts';
import { rulesOfCall } from '../../../src/simulator/parameters/table.ts';
import { routes } from '../../../src/simulator/routes.ts';
import { versionOf } from '../../../src/simulator/version.ts';

const nine = versionOf(demoSeed());
const eight = versionOf({ version: '8.4.1', repoid: '' });

function problems(call: string, given: Record<string, string>, version = nine): unknown {
  try {
    checkParameters(rulesOfCall(call, version.table) ?? new Map(), new Map(Object.entries(given)), version);
  } catch (error) {
    return error instanceof ApiError ? error.errors : error;
  }
  return undefined;
}

describe('the parameters of a call', () => {
  it('are named all at once when they are wrong', () => {
    const found = problems('POST /nodes/{node}/qemu', { vmid: '99', cores: '0', foo: 'bar', onboot: 'true' });
    expect(Object.keys(found ?? {}).toSorted()).toEqual(['cores', 'foo', 'onboot', 'vmid']);
  });

  it('are known for scsi30 and not for scsi31', () => {
    expect(problems('POST /nodes/{node}/qemu', { vmid: '100', scsi30: 'fast:1' })).toBeUndefined();
    expect(problems('POST /nodes/{node}/qemu', { vmid: '100', scsi31: 'fast:1' })).toHaveProperty('scsi31');
  });

  it('are those of the release', () => {
    const given = { vmid: '100', 'ha-managed': '1' };
    expect(problems('POST /nodes/{node}/qemu', given)).toBeUndefined();
    expect(problems('POST /nodes/{node}/qemu', given, eight)).toHaveProperty('ha-managed');
  });

  it('are in the table for every route', () => {
    const missing = routes.filter((one) => rulesOfCall(`${one.method} ${one.pattern}`, '9') === undefined);
    expect(missing.map((one) => `${one.method} ${one.pattern}`)).toEqual([]);
  });
});
