import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { StepSpec } from '../../src/core/steps.ts';
import { diskFull } from '../fakes/store.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { textOf } from './support/card-text.ts';
import { gate } from './support/clock.ts';
import { aForeignGuest, present, threeVms } from './support/fleet.ts';

type Kind = StepSpec['kind'] | 'upload';

const { website, database, init } = threeVms();

/** What is deployed at first, and what is wanted then. */
const stories: Readonly<
  Record<string, { before?: object; after: object; images?: Record<string, string>; kinds: readonly Kind[] }>
> = {
  create: { after: { website, database }, kinds: ['upload', 'create', 'import', 'resize', 'start', 'finish'] },
  update: {
    before: { website, database },
    after: { ...threeVms({ memory_mb: 4096, disk_gb: 8, storage_location: 'slow' }), init: undefined },
    kinds: ['configure', 'move-disk', 'resize', 'restart', 'finish'],
  },
  replace: {
    before: { website, database },
    after: { website: { ...website, memory_mb: 4096 }, database },
    images: { website: 'website 2', database: 'database 2' },
    kinds: ['upload', 'prepare', 'attach', 'configure', 'swap', 'restart', 'start', 'finish'],
  },
  destroy: { before: { website, database, init }, after: { website }, kinds: ['stop', 'destroy'] },
};

async function ready(story: (typeof stories)[string]): Promise<Bench> {
  const bench = await aBench();
  bench.cluster.put(aForeignGuest(900));
  if (story.before !== undefined) {
    await bench.push(1, { vms: story.before });
    await bench.apply();
  }
  const vms = Object.fromEntries(Object.entries(story.after).filter(([, vm]) => vm !== undefined));
  await bench.push(2, { vms, ...(story.images === undefined ? {} : { images: story.images }) });
  return bench;
}

/** Plans and approves until nothing is left to do. @returns how many applies it took */
async function finish(bench: Bench): Promise<number> {
  for (let applies = 0; applies < 4; applies++) {
    await bench.press('plan-again');
    await bench.settle();
    if (bench.pipeline.runs().at(-1)?.phase === 'in-sync') return applies;
    await bench.apply();
    if (bench.pipeline.runs().at(-1)?.phase === 'applied') return applies + 1;
  }
  throw new Error('the work is never finished');
}

function expectFinished(bench: Bench): void {
  const { plan } = bench.run('applied');
  for (const { vmid, memoryMb } of plan.goal.guests) {
    const guest = present(bench.cluster.guest(vmid));
    expect(guest.tags).not.toContain('proxnix-pending');
    expect(guest.config.memoryMb).toBe(memoryMb);
    expect(guest.status).toBe('running');
    expect(bench.cluster.guest(900_000_000 + vmid), 'a staging guest').toBeUndefined();
  }
  expect(bench.cluster.guest(900)).toEqual(aForeignGuest(900));
}

describe('a step that fails', () => {
  for (const [name, story] of Object.entries(stories)) {
    for (const kind of story.kinds) {
      for (const when of ['before', 'after'] as const) {
        it(`ends the run there, and the next one finishes the work: ${name}, ${when} ${kind}`, async () => {
          const bench = await ready(story);
          bench.cluster.failNext({
            at: kind,
            when,
            error: new UserError('The storage is full.', { next: 'Clean up.' }),
          });
          await bench.apply();

          const failed = bench.run('failed');
          const at = failed.steps.findIndex(({ state }) => state === 'failed');
          expect(failed.steps[at]?.step.kind).toBe(kind);
          const states = failed.steps.map(({ state }) => state);
          expect(states).toEqual(states.map((_, i) => (i < at ? 'done' : i === at ? 'failed' : 'not-started')));
          expect(bench.text()).toMatch(/^Failed/);
          expect(bench.text()).toContain('The storage is full.');
          expect(bench.text()).toContain('Clean up.');
          expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
          expect(bench.audit().at(-1)).toBe('ended proxnix failed');

          if ((await finish(bench)) > 0) expectFinished(bench);
        });
      }
    }
  }

  it('names what is done and what was not started', async () => {
    const bench = await ready(present(stories['create']));
    bench.cluster.before = (step) => {
      if (step.kind === 'import' && step.vmid === 823) throw new UserError('The storage is full.');
      return undefined;
    };
    await bench.apply();
    bench.run('failed');
    expect(bench.text()).toMatch(/Done before: .*test-database \(822\) created\./);
    expect(bench.text()).toContain('Now: test-website (823) does not exist.');
    bench.cluster.before = () => undefined;
    await finish(bench);
    expectFinished(bench);
  });

  it('with an error of ours shows no word of it, and the log has it', async () => {
    const bench = await ready(present(stories['create']));
    bench.cluster.failNext({ at: 'import', when: 'before', error: new TypeError('x is not a function') });
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('An unexpected error inside proxnix.');
    expect(bench.text()).not.toContain('not a function');
    expect(JSON.stringify(bench.logged.map(({ facts }) => Object.values(facts).map(String)))).toContain(
      'x is not a function',
    );
  });
});

describe('the state of the guest at the end of a failed apply', () => {
  /** The last step of test-website fails; what comes before that happens first. */
  const failing = async (first: (bench: Bench) => void) => {
    const bench = await ready(present(stories['create']));
    bench.cluster.before = (step) => {
      if (step.kind !== 'finish' || step.vmid !== 823) return undefined;
      first(bench);
      throw new UserError('No tags.');
    };
    return bench;
  };

  it('is unknown, never a guess, where the cluster cannot be read', async () => {
    const bench = await failing(({ cluster }) =>
      cluster.failNext({ at: 'read', when: 'before', error: new UserError('The node is gone.') }),
    );
    await bench.apply();
    expect(bench.run('failed').guestNow).toEqual({ vmid: 823, name: 'test-website', status: 'unknown' });
    expect(bench.text()).toContain('Now: the state of test-website (823) is unknown');
  });

  it('is not waited for where the cluster hangs', async () => {
    const asked = gate();
    const bench = await failing(({ cluster }) => {
      cluster.beforeRead = () => {
        asked.open();
        return new Promise(() => undefined);
      };
    });
    const applied = bench.apply();
    await asked.opened;
    await bench.clock.advance(10_000);
    await applied;
    expect(bench.run('failed').guestNow?.status).toBe('unknown');
  });
});

describe('a build that fails', () => {
  it('changes nothing, and shows the last lines of its log', async () => {
    const bench = await ready(present(stories['create']));
    bench.builder.breakBuild('website 1', ['checking', 'error: no such option']);
    await bench.apply();
    expect(
      bench
        .run('failed')
        .steps.map(({ state }) => state)
        .filter((state) => state === 'done'),
    ).toEqual([]);
    expect(bench.text()).toContain('error: no such option');
    expect(bench.cluster.asked).toEqual([]);
  });

  it('gives the whole log of each derivation that broke as a file below its card, once and without secrets', async () => {
    const bench = await aBench({ gate: (text) => text.replaceAll('canary', '***') });
    const lines = Array.from({ length: 4000 }, (_, n) => `line ${n} canary`);
    for (const image of ['website 1', 'database 1']) bench.builder.breakBuild(image, [...lines, image]);
    await bench.push(1);
    await bench.apply();
    const replies = present(bench.chat.messages.at(-1)).replies.filter(({ title }) => title.startsWith('Whole log'));
    expect(replies.map(({ title }) => title)).toEqual(['Whole log of image-database, image-website']);
    const [reply] = replies;
    expect(reply?.files.map(({ name }) => name)).toEqual(['image-database.log', 'image-website.log']);
    for (const { text } of reply?.files ?? []) {
      expect(text.split('\n').filter((line) => /^line \d+ \*\*\*$/.test(line))).toHaveLength(4000);
    }
    await bench.restart();
    expect(
      present(bench.chat.messages.at(-1)).replies.filter(({ title }) => title.startsWith('Whole log')),
    ).toHaveLength(1);
  });

  it('says so when the log cannot be read', async () => {
    const bench = await ready(present(stories['create']));
    bench.builder.breakBuild('website 1', ['error: no such option']);
    bench.builder.log = () => Promise.reject(new Error('the daemon went away'));
    await bench.apply();
    expect(bench.text()).toContain('error: no such option');
    expect(bench.logged.map(({ message }) => message)).toContain('the log of a failed build could not be read');
  });

  it('whose upload cannot be recorded fails the run when the upload has ended, and not the bot', async () => {
    const bench = await ready(present(stories['create']));
    const upload = bench.cluster.upload.bind(bench.cluster);
    bench.cluster.upload = async (file, node, monitor) => {
      monitor.progress(1, 2, 'bytes');
      // A rejection that nobody has taken by now ends the process.
      await new Promise((resolve) => setImmediate(resolve));
      await upload(file, node, monitor);
    };
    const saveFleet = bench.store.saveFleet.bind(bench.store);
    bench.store.saveFleet = async (name, change) => {
      if (change.uploadedImages !== undefined) throw diskFull();
      await saveFleet(name, change);
    };
    await bench.apply();
    bench.run('failed');
    expect(bench.cluster.asked).toEqual(['upload']);
  });

  it('to give the path that was approved stops the run', async () => {
    const bench = await ready(present(stories['create']));
    const build = bench.builder.build.bind(bench.builder);
    bench.builder.build = async (...args) =>
      (await build(...args)).map((file) => ({
        ...file,
        image: { ...file.image, storePath: `/nix/store/${'z'.repeat(32)}-nixos.qcow2` },
      }));
    await bench.apply();
    expect(bench.run('failed').failure.message).toContain('did not give the path that was approved');
    expect(bench.cluster.asked).toEqual([]);
  });
});

describe('a guest that a run leaves half made', () => {
  it('is removed when it is ours', async () => {
    const bench = await ready(present(stories['create']));
    bench.cluster.failNext({ at: 'import', when: 'before', error: new UserError('The storage is full.') });
    await bench.apply();
    expect(bench.run('failed').failure.next).toContain('removed again');
    expect(bench.cluster.guest(822)).toBeUndefined();
    expect(bench.cluster.asked.at(-1)).toBe('discard');
  });

  it('stays, and the card says so, when it cannot be removed', async () => {
    const bench = await ready(present(stories['create']));
    bench.cluster.failNext({ at: 'import', when: 'before', error: new UserError('The storage is full.') });
    bench.cluster.failNext({ at: 'discard', when: 'before', error: new UserError('The node is gone.') });
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('The storage is full.');
    expect(bench.run('failed').failure.next).not.toContain('removed again');
    expect(bench.cluster.guest(822)?.tags).toContain('proxnix-pending');
    expect(bench.text()).toContain('Now: test-database (822) is stopped, with an unknown image, unfinished.');
    await finish(bench);
    expectFinished(bench);
  });

  it('as a staging guest is removed; the guest that runs was not touched', async () => {
    const bench = await ready(present(stories['replace']));
    const before = bench.cluster.guest(822);
    bench.cluster.failNext({ at: 'prepare', when: 'after', error: new UserError('The storage is full.') });
    await bench.apply();
    bench.run('failed');
    expect(bench.cluster.guest(900_000_822)).toBeUndefined();
    expect(bench.cluster.guest(822)).toEqual(before);
  });

  it('is not looked for under a VMID that was taken before the create: the foreign guest stays', async () => {
    const bench = await ready(present(stories['create']));
    const foreign = aForeignGuest(822, 'test-database');
    bench.cluster.before = (step) => {
      if (step.kind === 'create' && step.vmid === 822) bench.cluster.put(foreign);
      return undefined;
    };
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('VMID 822 is taken.');
    expect(bench.cluster.asked).not.toContain('discard');
    expect(bench.cluster.guest(822)).toEqual(foreign);
  });

  it('and the guest after it that is foreign: only the one of this run is removed', async () => {
    const bench = await ready(present(stories['create']));
    const foreign = aForeignGuest(823, 'test-website');
    bench.cluster.before = (step) => {
      if (step.kind === 'create' && step.vmid === 823) bench.cluster.put(foreign);
      return undefined;
    };
    await bench.apply();
    bench.run('failed');
    expect(bench.cluster.guest(822)?.status).toBe('running');
    expect(bench.cluster.guest(823)).toEqual(foreign);
  });
});

describe('a cluster that cannot be read before the apply', () => {
  it('ends the run as failed, with the plan still to be seen and nothing changed', async () => {
    const bench = await ready(present(stories['create']));
    let looks = 0;
    bench.cluster.beforeRead = () => {
      if (++looks === 2) throw new UserError('The cluster cannot be reached.');
      return undefined;
    };
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('The cluster cannot be reached.');
    expect(bench.text()).toMatch(/^Failed/);
    expect(bench.text()).not.toContain('no plan was made');
    expect(bench.cluster.asked).toEqual([]);
  });
});

describe('a disk that is full in the middle of an apply', () => {
  for (const phase of ['applying', 'failed'] as const) {
    it(`stops the apply; the card does not say that it goes on (from the first write as ${phase})`, async () => {
      const bench = await ready(present(stories['create']));
      let full = false;
      if (phase === 'failed') {
        bench.cluster.failNext({ at: 'import', when: 'before', error: new UserError('The storage is full.') });
      }
      bench.store.fails = (write) => {
        if (write.kind !== 'run') return undefined;
        const { run } = write.saved;
        full ||=
          run.phase === phase &&
          (run.phase === 'failed' ||
            run.steps.some(({ step, state }) => step.kind === 'import' && state !== 'waiting'));
        return full ? diskFull() : undefined;
      };
      await bench.apply();
      expect(bench.cluster.atWork).toBe(0);
      expect(bench.run('failed')).toBeDefined();
      expect(textOf(bench.chat.card())).toMatch(/^Failed/);
      bench.store.fails = () => undefined;
      await bench.restart();
      await bench.settle();
      expect(bench.pipeline.runs().map(({ phase: one }) => one)).not.toContain('applying');
      await bench.apply();
      expectFinished(bench);
    });
  }
});

describe('a disk that is full at a write in the middle of a rollback', () => {
  const root = (bench: Bench) => bench.cluster.guest(823)?.config.disks['scsi0']?.volid;

  /** Fills the disk at that write since the press. @returns how many writes there were, and what was asked of the cluster */
  async function applyUntil(bench: Bench, full: number) {
    let writes = 0;
    let asked: number | undefined;
    bench.cluster.asked.length = 0;
    bench.store.fails = () => {
      if (writes++ < full) return undefined;
      asked ??= bench.cluster.asked.length;
      return diskFull();
    };
    await bench.apply();
    return { writes, asked };
  }

  const ways: Readonly<Record<string, () => Promise<Bench>>> = {
    'of a guest that did not become healthy': async () => {
      const bench = await ready({
        before: { website },
        after: { website },
        images: { website: 'website 2' },
        kinds: [],
      });
      bench.health.script(823, 'ill', 'well');
      return bench;
    },
    'that somebody asked for': async () => {
      const bench = await ready({
        before: { website },
        after: { website },
        images: { website: 'website 2' },
        kinds: [],
      });
      await bench.apply();
      await bench.chat.command('/proxnix rollback test-website');
      await bench.settle();
      return bench;
    },
  };

  it.each(Object.entries(ways))('ends the run, and the cluster is not changed further: %s', async (_, open) => {
    const { writes } = await applyUntil(await open(), Number.POSITIVE_INFINITY);
    expect(writes).toBeGreaterThan(10);
    for (let full = 0; full < writes; full++) {
      const bench = await open();
      const uuid = bench.cluster.guest(823)?.config.uuid;
      const { asked } = await applyUntil(bench, full);
      const at = `full from write ${full} of ${writes} on`;
      expect(bench.cluster.atWork, at).toBe(0);
      // A staging guest that the run made is cleared up, and a way back that has begun is gone to its end.
      const rest = bench.cluster.asked.slice(asked).filter((kind) => kind !== 'discard');
      const isGoingBack = bench.cluster.asked.slice(0, asked).includes('rollback');
      expect(isGoingBack ? [] : rest, at).toEqual([]);
      expect(bench.cluster.guest(823), at).toMatchObject({ status: 'running', config: { uuid } });
      expect(
        bench.pipeline.runs().map(({ phase }) => phase),
        at,
      ).not.toContain('applying');
      const isDone = bench.cluster.guest(823)?.tags.includes('proxnix-pending') === false;
      expect(bench.text(), at).toMatch(isDone ? /^(?:Plan|Approved|Failed|Applied)/ : /^Failed(?!, rolled back)/);

      bench.store.fails = () => undefined;
      bench.health.script(823, 'well');
      await bench.restart();
      await bench.settle();
      expect(
        bench.pipeline.runs().map(({ phase }) => phase),
        at,
      ).not.toContain('applying');
      for (let rounds = 0; rounds < 4 && bench.pipeline.runs().at(-1)?.phase !== 'in-sync'; rounds++) {
        if (bench.pipeline.runs().some(({ phase }) => phase === 'planned')) await bench.apply();
        await bench.chat.command('/proxnix plan');
        await bench.settle();
      }
      bench.run('in-sync');
      expect(bench.cluster.guest(823)?.tags, at).not.toContain('proxnix-pending');
      expect(root(bench), at).toBeDefined();
    }
  });
});
