import { describe, expect, it } from 'vitest';
import { demoSeed, parseSeed } from '../../src/simulator/simulator.ts';

describe('a seed', () => {
  it('is refused with every wrong field by name', () => {
    const wrong = {
      ...demoSeed(),
      version: 'nine',
      nodes: [],
      tokens: [{ tokenid: 'bot', secret: 's', privileges: {} }],
    };
    expect(() => parseSeed(wrong)).toThrow(/version: .*nodes: .*tokens\.0\.tokenid: must look like user@realm!name/s);
  });

  it('may leave out what a small cluster does not have', () => {
    const { version, nodes, storages, tokens } = demoSeed();
    expect(parseSeed({ version, nodes, storages, tokens })).toMatchObject({ guests: [], pools: [], volumes: [] });
  });
});
