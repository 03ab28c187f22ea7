import { describe, expect, it } from 'vitest';
import { simulatorCommand } from '../../src/cli/simulator.ts';
import { UserError } from '../../src/core/errors.ts';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';

describe('the simulator command', () => {
  it('says which seed it cannot read', async () => {
    const started = simulatorCommand({ seed: '/nowhere/seed.json' });
    await expect(started).rejects.toThrow(/^The seed \/nowhere\/seed.json cannot be read: ENOENT/);
    await expect(started).rejects.toBeInstanceOf(UserError);
  });

  it('says which port is taken', async () => {
    const simulator = await startSimulator({ seed: demoSeed() });
    const { port } = simulator;
    const started = simulatorCommand({ port });
    await expect(started).rejects.toThrow(`The simulator cannot listen on port ${port}`);
    await expect(started).rejects.toBeInstanceOf(UserError);
    await simulator.close();
  });
});
