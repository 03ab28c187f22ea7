import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { createGate, Secret } from '../../src/secret.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { aVm, present, threeVms } from './support/fleet.ts';

const canary = 'canary-4b1d-9f7e-secret';
const options = { gate: createGate([new Secret(canary)], []) };

/** Everything that any chat was shown, and the audit. */
function everythingSaid(bench: Bench): string {
  return JSON.stringify([bench.chats.map((chat) => chat.messages), bench.store.audited()]);
}

describe('a secret', () => {
  it('in a commit, a description, an error and a build log is in no card, reply or audit line', async () => {
    const bench = await aBench(options);
    await bench.push(
      1,
      { vms: threeVms({ description: `token ${canary}` }), images: { init: 'init broken' } },
      { subject: `use ${canary}`, author: canary },
    );
    expect(bench.text()).toContain('[secret]');
    bench.builder.breakBuild('init broken', [`curl -H "Authorization: ${canary}"`]);
    await bench.apply();
    expect(bench.run('failed').failure.details.join()).toContain(canary);
    expect(bench.text()).toContain('curl');

    await bench.push(2, { vms: threeVms({ description: `token ${canary}` }) });
    bench.cluster.failNext({
      at: 'upload',
      when: 'before',
      error: new UserError(`401 for ${canary}`, { next: canary }),
    });
    await bench.apply();
    bench.run('failed');
    await bench.push(3, { vms: { website: aVm({ [canary]: 1 }) } });
    bench.run('failed');
    expect(everythingSaid(bench)).not.toContain(canary);
  });

  it('typed as a reason is neither on the card nor in the audit', async () => {
    const bench = await aBench(options);
    await bench.push(1);
    await bench.chat.command(`/proxnix reject 1 because ${canary}`);
    await bench.settle();
    expect(bench.text()).toContain('because [secret]');
    expect(bench.audit()).toEqual(['rejected console:owner because [secret]']);
    expect(everythingSaid(bench)).not.toContain(canary);
  });

  it('is in no answer to a press, a form or a command', async () => {
    const bench = await aBench(options);
    await bench.push(1, {}, { subject: canary });
    await bench.apply();
    await bench.push(
      2,
      { vms: { init: present(threeVms().init), website: aVm({ name: `test-${canary}`, description: canary }) } },
      { subject: canary },
    );
    const answers = [
      await bench.press('details'),
      await bench.press('approve'),
      await bench.chat.command('/proxnix status'),
      await bench.chat.command('/proxnix history'),
      await bench.chat.command(`/proxnix plan ${canary}`),
      await bench.chat.command(`/proxnix approve ${canary}`),
    ];
    bench.git.unreachable = new UserError(`https://x:${canary}@git.example.org cannot be reached.`);
    answers.push(await bench.chat.command('/proxnix plan'));
    expect(answers.map((answer) => answer.kind)).toContain('card');
    expect(JSON.stringify(answers)).not.toContain(canary);
  });
});
