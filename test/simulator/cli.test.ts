import { describe, expect, it } from 'vitest';
import { simulatorCommand } from '../../src/simulator/cli.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';

describe('the simulator command', () => {
  it('says which seed it cannot read', async () => {
    await expect(simulatorCommand({ seed: '/nowhere/seed.json' })).rejects.toThrow(
      /^seed \/nowhere\/seed.json: ENOENT/,
    );
  });

  it('says which port is taken', async () => {
    const simulator = await startSimulator({ seed: demoSeed() });
    const { port } = simulator;
    await expect(simulatorCommand({ port })).rejects.toThrow(`the simulator cannot listen on port ${port}`);
    await simulator.close();
  });
});
