import { describe, expect, it } from 'vitest';
import { mapLimit } from '../../src/cluster/proxmox/state.ts';
import type { GuestKind } from '../../src/core/guest.ts';
import type { Refusal } from '../cluster/proxmox/lossy-proxy.ts';
import { type Declared, owner } from '../support/pipeline.ts';
import { present } from './support/fleet.ts';
import { type Asked, fleetOf, type Simulated, startSimulated } from './support/on-simulator.ts';

/** How many worlds there are at once. */
const atOnce = 6;

const other = { name: 'test-database', vm_id: 822, image_type: 'database' };

/** What is deployed, and what is asked for then. */
interface Story {
  readonly before: readonly ((kind: GuestKind) => Declared)[];
  readonly after: (kind: GuestKind) => Declared | 'rollback';
}

const first = (kind: GuestKind) => fleetOf(kind, { website: {} });
const second = (kind: GuestKind) => ({ ...first(kind), images: { website: 'website 2' } });

const stories: Readonly<Record<string, Story>> = {
  create: { before: [], after: first },
  update: {
    before: [first],
    after: (kind) => {
      // All that a guest of that kind takes in place, with a restart.
      const change = kind === 'vm' ? { memory_mb: 4096, storage_location: 'slow' } : { features: {} };
      return fleetOf(kind, { website: { ...change, disk_gb: 8 } });
    },
  },
  replace: { before: [first], after: second },
  rollback: { before: [first, second], after: () => 'rollback' },
  destroy: {
    before: [(kind) => fleetOf(kind, { website: {}, database: other })],
    after: (kind) => fleetOf(kind, { database: other }),
  },
};

/** A story up to its open plan, beside a guest of somebody else. */
async function ready(kind: GuestKind, name: string) {
  const story = await startSimulated();
  const { bench, world, proxy, asked } = story;
  await world.admin('POST', '/nodes/pve1/qemu', { vmid: 900, name: 'theirs', scsi0: 'fast:1' });
  const { before, after } = present(stories[name]);
  for (const [index, declared] of before.entries()) await story.deploy(index + 1, declared(kind));
  const next = after(kind);
  if (next === 'rollback') {
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
  } else await bench.push(9, next);
  bench.run('planned');
  proxy.writes.length = 0;
  proxy.sent.length = 0;
  asked.length = 0;
  return story;
}

/** What a person does after a failure: plans again and approves, until nothing is left to do. */
async function finish({ bench }: Simulated, at: string): Promise<void> {
  for (let rounds = 0; rounds < 4; rounds++) {
    const last = bench.pipeline.runs().at(-1);
    if (last?.phase === 'in-sync' || (last?.phase === 'applied' && rounds > 0)) return;
    await bench.press('plan-again');
    await bench.settle();
    if (bench.pipeline.runs().at(-1)?.phase === 'planned') await bench.apply();
  }
  throw new Error(`${at}: never done: ${bench.text()}`);
}

const seen = ({ simulator }: Simulated, vmid: number) => {
  const { config, pending, startedAt } = present(simulator.guest(vmid));
  return { config: { ...config }, pending: { ...pending }, startedAt };
};

/** What tells the machine from another one. */
const identity = ({ simulator }: Simulated, vmid = 823) => {
  const { smbios1, net0 } = simulator.guest(vmid)?.config ?? {};
  return smbios1 ?? net0;
};

/** Where a trouble comes: at a write of the run, which belongs to a step. */
interface Place {
  readonly index: number;
  readonly write: string;
}

/** How one write goes wrong, and what the run must be then. */
interface Trouble {
  readonly happens: (story: Simulated, place: Place, kind: GuestKind) => void | Promise<void>;
  /** After the run: the trouble is over. */
  readonly over?: (story: Simulated) => void | Promise<void>;
  /** Where it differs from others; absent: in all of them. */
  readonly stories?: readonly string[];
  /** It comes between the bot and the API, where a VM and a container are one and the same: seen with one of them. */
  readonly ofClient?: true;
  /** Which writes it can happen to. */
  readonly only?: (place: Place) => boolean;
  /** Part of what the failed run says. */
  readonly says: RegExp;
  /** Nothing is written after it, not even to clear up. */
  readonly nothingAfter?: boolean;
  /** The step may have been over when it was noticed. */
  readonly late?: boolean;
}

/** The type of the task of a write; a write of the configuration has none. */
function taskOf({ write }: Place, kind: GuestKind): string | undefined {
  const prefix = kind === 'vm' ? 'qm' : 'vz';
  const [, power] = /\/status\/(\w+)$/.exec(write) ?? [];
  if (power !== undefined) return `${prefix}${power}`;
  if (write.endsWith('/upload')) return 'imgcopy';
  if (write.endsWith('/resize')) return 'resize';
  if (/^POST .*\/config$/.test(write)) return 'qmconfig';
  if (write.endsWith('/move_disk')) return 'qmmove';
  if (write.endsWith('/move_volume')) return 'move_volume';
  if (write.startsWith('DELETE')) return `${prefix}destroy`;
  return /^POST .*\/(?:qemu|lxc)$/.test(write) ? `${prefix}create` : undefined;
}

const lose =
  (what: 'request' | 'answer', as: Refusal) =>
  (story: Simulated, { write }: Place) =>
    story.proxy.lose({ method: write.split(' ')[0] ?? '', path: /./, what, as });
const lockFile = {
  vm: '/var/lock/qemu-server/lock-823.conf',
  container: '/run/lock/lxc/pve-config-823.lock',
} as const;

const refusal = (message: string): Refusal => ({ status: 500, reason: message, message });

/** What only root can do: a guest whose worker died in its create is locked. */
async function removeLocked({ simulator, world }: Simulated): Promise<void> {
  for (const { vmid, type } of simulator.guests().filter((guest) => guest.config['lock'] === 'create')) {
    await simulator.outside({ do: 'unlock', vmid });
    await world.admin('DELETE', `/nodes/pve1/${type}/${vmid}`);
  }
}

const hasTask = (place: Place) => taskOf(place, 'vm') !== undefined;
const isCreation = (place: Place) => taskOf(place, 'vm') === 'qmcreate';
const unauthorized = { status: 401, reason: 'Authentication failed!' };
const endTask = (when: 'before' | 'after', exit?: string): Pick<Trouble, 'happens' | 'only'> => ({
  only: hasTask,
  happens: ({ simulator }, place, kind) =>
    simulator.outside({
      do: 'end-task',
      type: taskOf(place, kind) ?? '',
      when,
      ...(exit === undefined ? {} : { exit }),
    }),
});

const troubles: Readonly<Record<string, Trouble>> = {
  'the token is revoked before it': {
    ofClient: true,
    stories: ['create', 'replace', 'rollback', 'destroy'],
    happens: ({ proxy }) => proxy.refuseAll(unauthorized, 'now'),
    over: ({ proxy }) => proxy.pass(),
    says: /401 Authentication failed!.*Check the token proxnix@pve!bot/s,
    nothingAfter: true,
  },
  'the token is revoked while its task runs': {
    ofClient: true,
    stories: ['replace'],
    only: hasTask,
    happens: ({ proxy }) => proxy.refuseAll(unauthorized, 'next'),
    over: ({ proxy }) => proxy.pass(),
    says: /401 Authentication failed!.*Check the token proxnix@pve!bot/s,
    nothingAfter: true,
    late: true,
  },
  'the worker daemon is down': {
    ofClient: true,
    stories: ['replace'],
    // The refusal of an upload, with its body on the way, looks like a lost connection.
    happens: ({ simulator }) => simulator.outside({ do: 'daemon-down' }),
    over: ({ simulator }) => simulator.outside({ do: 'daemon-up' }),
    says: /595 Connection refused.*Node pve1 cannot be reached|does not answer \(connection reset\)/s,
  },
  'it is lost on its way (596)': {
    ofClient: true,
    only: hasTask,
    happens: lose('request', { status: 596, reason: 'Connection timed out' }),
    says: /the answer was lost and no task of it is to be found.*Nothing was repeated|596.*nothing was repeated/s,
  },
  'it is done, and answered with 500': {
    happens: lose('answer', refusal('internal error')),
    says: /500 internal error/,
  },
  'its worker dies at once': {
    stories: ['create', 'replace'],
    ...endTask('before'),
    only: isCreation,
    says: /unexpected status (?:The staging guest could not be removed; .* (?:VM|CT) 900000823|(?:VM|CT) 823) is locked \(create\); if nothing runs any more, root can/,
    over: removeLocked,
  },
  'its worker dies at its end': { ...endTask('after'), says: /unexpected status/ },
  'its task fails': {
    ...endTask('before', 'command failed: exit code 5'),
    // What a creation that fails by itself leaves is nothing.
    only: (place) => hasTask(place) && !isCreation(place),
    says: /exit code 5/,
  },
};

/** Each write of each story goes wrong in each way, of a guest of this kind. */
export function troublesContract(kind: GuestKind): void {
  describe.each(Object.keys(stories))(`a write that goes wrong, of a ${kind}: %s`, (name) => {
    let undisturbed: { readonly writes: readonly string[]; readonly vmids: readonly number[] };
    const vmidsOf = ({ simulator }: Simulated) => simulator.guests().map(({ vmid }) => vmid);

    it('there is none while nothing goes wrong', async () => {
      const story = await ready(kind, name);
      await story.bench.apply();
      story.bench.run('applied');
      undisturbed = { writes: story.proxy.sent, vmids: vmidsOf(story) };
      expect(story.orphans()).toEqual([]);
    });

    it.each([
      ['finds its node unreachable (595)', { status: 595, reason: 'Connection refused' }],
      ['finds the guest held by another task', refusal(`can't lock file '${lockFile[kind]}' - got timeout`)],
      ['finds the guest locked by a backup', refusal(`${kind === 'vm' ? 'VM' : 'CT'} is locked (backup)`)],
    ])('goes on when each write at first %s, and is sent again', async (_, as) => {
      const story = await ready(kind, name);
      const { bench, proxy } = story;
      const met = new Set<number>();
      proxy.before = (_index, write) => {
        // An upload is a stream: it is sent once.
        if (met.has(proxy.writes.length) || write.endsWith('/upload')) return;
        met.add(proxy.writes.length);
        lose('request', as)(story, { index: 0, write });
      };
      await bench.apply();
      bench.run('applied');
      expect(proxy.writes).toEqual(undisturbed.writes);
      expect(proxy.sent).toHaveLength(undisturbed.writes.length + met.size);
    });

    it('goes on when the task of a write waits in vain for the lock of the guest, and is begun again', async () => {
      const story = await ready(kind, name);
      const { bench, proxy, simulator } = story;
      const types = new Set(undisturbed.writes.flatMap((write) => taskOf({ index: 0, write }, kind) ?? []));
      // A creation has no guest that could be held, an upload none at all.
      const waiting = [...types].filter((type) => !/create$|^imgcopy$/.test(type));
      const exit = `can't lock file '${lockFile[kind]}' - got timeout`;
      for (const type of waiting) await simulator.outside({ do: 'end-task', type, when: 'before', exit });
      await bench.apply();
      bench.run('applied');
      expect(proxy.sent).toHaveLength(undisturbed.writes.length + waiting.length);
      expect(story.orphans()).toEqual([]);
    });

    it('goes on when each write is done and its answer cut off (596), and nothing is done twice', async () => {
      const story = await ready(kind, name);
      const { bench, proxy } = story;
      proxy.before = (index, write) =>
        lose('answer', { status: 596, reason: 'Connection timed out' })(story, { index, write });
      await bench.apply();
      bench.run('applied');
      expect(proxy.sent).toEqual(undisturbed.writes);
      expect(story.orphans()).toEqual([]);
    });

    const ways = Object.entries(troubles).filter(
      ([, { stories: among = [name], ofClient }]) => among.includes(name) && (kind === 'vm' || ofClient !== true),
    );
    for (const [what, trouble] of ways) {
      it(`ends the run there, and the next one finishes the work: ${what}`, async () => {
        const places = undisturbed.writes.map((write, index) => ({ index, write }));
        await mapLimit(places.filter(trouble.only ?? (() => true)), atOnce, async (place) => {
          const story = await ready(kind, name);
          const { bench, proxy, asked } = story;
          const at = `${place.write} (${place.index})`;
          const theirs = seen(story, 900);
          const machine = identity(story);
          let step: Asked | undefined;
          proxy.before = async (index) => {
            if (index !== place.index) return;
            step = asked.at(-1);
            await trouble.happens(story, place, kind);
          };
          await bench.apply();
          const failed = bench.run('failed');
          const done = failed.steps.findIndex(({ state }) => state === 'failed');
          if (trouble.late !== true) expect(failed.steps[done]?.step.kind, at).toBe(step?.kind);
          const states = failed.steps.map(({ state }) => state);
          expect(states, at).toEqual(states.map((_, i) => (i < done ? 'done' : i === done ? 'failed' : 'not-started')));
          expect(`${failed.failure.message} ${failed.failure.next}`, at).toMatch(trouble.says);
          const incomplete = name === 'create' ? ['import', 'resize', 'start'] : ['prepare'];
          if (trouble.nothingAfter === true && incomplete.includes(step?.kind ?? '')) {
            expect(failed.failure.next, at).toMatch(
              /^The (?:incomplete|staging) guest could not be removed; the next plan /,
            );
          }
          expect(bench.text(), at).toMatch(/^Failed/);
          if (trouble.nothingAfter === true)
            expect(new Set(proxy.sent.slice(place.index)), at).toEqual(new Set([place.write]));
          await trouble.over?.(story);
          expect(seen(story, 900), at).toEqual(theirs);
          if (name !== 'create' && name !== 'destroy') {
            await expect.poll(() => story.runs(), { message: at }).toBe(true);
            expect(identity(story), at).toBe(machine);
          }

          await finish(story, at);
          expect(seen(story, 900), at).toEqual(theirs);
          expect(vmidsOf(story), at).toEqual(undisturbed.vmids);
          expect(story.orphans(), at).toEqual([]);
          expect(bench.errors(), at).toEqual([]);
        });
      }, 120_000);
    }
  });
}
