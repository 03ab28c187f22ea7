import { describe, expect, it } from 'vitest';
import { parsePropertyString, printPropertyString } from '../../../src/simulator/parameters/property-string.ts';
import { rulesOfProperties } from '../../../src/simulator/parameters/table.ts';

const rules = (name: string) => rulesOfProperties(name, '9') ?? new Map();
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
