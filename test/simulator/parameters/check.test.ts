import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/simulator/errors.ts';
import { checkParameters, parsePropertyString, printPropertyString } from '../../../src/simulator/parameters/check.ts';
import { rulesOf } from '../../../src/simulator/parameters/table.ts';
import { routes } from '../../../src/simulator/routes.ts';
import { demoSeed } from '../../../src/simulator/seed.ts';
import { versionOf } from '../../../src/simulator/version.ts';

const nine = versionOf(demoSeed());
const eight = versionOf({ version: '8.4.1', repoid: '' });

function problems(call: string, given: Record<string, string>, version = nine): unknown {
  try {
    checkParameters(rulesOf(call, version.table) ?? new Map(), new Map(Object.entries(given)), version);
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
    const missing = routes.filter((one) => rulesOf(`${one.method} ${one.pattern}`, '9') === undefined);
    expect(missing.map((one) => `${one.method} ${one.pattern}`)).toEqual([]);
  });
});

const rules = (name: string) => rulesOf(name, '9') ?? new Map();
const stored = (name: string, text: string) =>
  printPropertyString(parsePropertyString(text, rules(name)).values, rules(name));

describe('a property string', () => {
  it.each([
    ['net', 'virtio=BC:24:11:00:00:01,tag=7,bridge=vmbr0', 'virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=7'],
    ['net', 'bridge=vmbr0,model=virtio', 'virtio,bridge=vmbr0'],
    ['net-ct', 'ip=dhcp,name=eth0,bridge=vmbr0', 'name=eth0,bridge=vmbr0,ip=dhcp'],
    ['mp', 'fast:1,backup=1,mp=/data', 'fast:1,mp=/data,backup=1'],
  ])('of kind %s is stored in the order of the server', (name, given, expected) => {
    expect(stored(name, given)).toBe(expected);
  });

  it('takes words for booleans', () => {
    expect(parsePropertyString('1,fstrim_cloned_disks=on', rules('agent')).values.get('fstrim_cloned_disks')).toBe('1');
  });

  it('names each key that is wrong', () => {
    const { problems } = parsePropertyString('vmstore:10,bogus=1,discard=maybe', rules('scsi'));
    expect(problems.map(([key]) => key)).toEqual(['bogus', 'discard']);
  });
});
