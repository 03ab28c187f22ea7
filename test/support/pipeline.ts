import { chatHandlers } from '../../commands/handlers.ts';
import type { Answer, Person } from '../../src/chat/chat.ts';
import type { Commit, PushOutcome } from '../../src/core/commit.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Phase, Run } from '../../src/core/run.ts';
import { Pipeline } from '../../src/pipeline/pipeline.ts';
import type { Fleet, Log } from '../../src/pipeline/ports.ts';

import type { ButtonAction } from '../../src/views/card.ts';
import { FakeBuilder, type FakeCommit as FakeEvaluation } from '../fakes/builder.ts';

import { FakeChat, type FakeMessage } from '../fakes/chat.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import type { FakeForge } from '../fakes/forge.ts';
import { type FakeCommit, FakeGit } from '../fakes/git.ts';
import { FakeHealth } from '../fakes/health.ts';
import { FakeStore } from '../fakes/store.ts';
import { textOf } from '../pipeline/support/card-text.ts';
import { ManualClock, turn } from '../pipeline/support/clock.ts';
import { commitOf, shaOf, threeVms } from '../pipeline/support/fleet.ts';
import { Life } from '../pipeline/support/life.ts';

export const owner: Person = { chat: 'console', id: 'owner', name: 'Owner', groups: [] };
export const second: Person = { chat: 'console', id: 'second', name: 'Second', groups: [] };
export const stranger: Person = { chat: 'console', id: 'stranger', name: 'Stranger', groups: [] };

const quietMs = 500;
const editEveryMs = 3000;
const dayMs = 24 * 60 * 60 * 1000;

/** What one commit declares: its VMs and containers, and for each image a text that stands for its content. */
export interface Declared {
  readonly vms?: object;
  readonly containers?: object;
  readonly images?: Readonly<Record<string, string>>;
  /** The flake does not evaluate. */
  readonly broken?: boolean;
  /** What its evaluation warns of. */
  readonly warnings?: readonly string[];
  /** What is inside of its images. */
  readonly inside?: NonNullable<FakeEvaluation['inside']>;
}

/** One line of the log. */
export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly facts: object;
  readonly message: string;
}

export interface BenchOptions {
  readonly policy?: Partial<Policy>;
  readonly fleets?: readonly Partial<Fleet>[];
  readonly gate?: (text: string) => string;
  readonly chats?: readonly FakeChat[];
  readonly store?: FakeStore;
  readonly builder?: FakeBuilder;
  /** The forge of every fleet; absent: none has a token. */
  readonly forge?: FakeForge;
}

/** The pipeline over fakes, with everything around it at hand. `restart` puts another process on the same world. */
export class Bench {
  readonly clock = new ManualClock();
  readonly git = new FakeGit();
  readonly builder: FakeBuilder;
  readonly cluster = new FakeCluster(undefined, () => this.clock.now());
  readonly health = new FakeHealth();
  readonly logged: Logged[] = [];
  readonly fleets: readonly Fleet[];
  chats: readonly FakeChat[];
  store: FakeStore;
  pipeline: Pipeline;
  life = new Life();
  readonly #forge: FakeForge | undefined;
  readonly #gate: (text: string) => string;

  constructor(options: BenchOptions = {}) {
    this.store = options.store ?? new FakeStore();
    this.builder = options.builder ?? new FakeBuilder();
    this.chats = options.chats ?? [new FakeChat()];
    this.#forge = options.forge;
    this.#gate = options.gate ?? ((text) => text);
    this.fleets = (options.fleets ?? [{}]).map((change) => this.#fleet(change, options.policy));
    this.pipeline = this.#open();
  }

  get chat(): FakeChat {
    const [chat] = this.chats;
    if (chat === undefined) throw new Error('this bench has no chat');
    return chat;
  }

  get fleet(): Fleet {
    const [fleet] = this.fleets;
    if (fleet === undefined) throw new Error('this bench has no fleet');
    return fleet;
  }

  /** Lets the process begin: its chats hand over, and it takes up what it finds. */
  async start(): Promise<this> {
    const handlers = chatHandlers(this.pipeline, this.log, () => this.clock.now());
    for (const chat of this.chats) await chat.start(handlers);
    await this.pipeline.start();
    return this;
  }

  /** The process is killed: nothing it was about to do happens any more. */
  kill(): void {
    this.life.end();
  }

  /** Another process on the same disk, cluster, repository and channel. */
  async restart(): Promise<this> {
    this.kill();
    this.life = new Life();
    this.store = this.store.reopen();
    this.chats = this.chats.map(({ name, messages, person, place }) => new FakeChat({ name, messages, person, place }));
    this.pipeline = this.#open();
    return this.start();
  }

  /** Makes a commit the head of the branch. */
  commit(n: number, declared: Declared = {}, about: Partial<FakeCommit> = {}): Commit {
    const commit = commitOf(n, about);
    this.declare(n, declared);
    this.git.push(commit);
    return commit;
  }

  /** What a commit declares, before it is on any branch. */
  declare(n: number, declared: Declared = {}): void {
    const images = { website: 'website 1', database: 'database 1', init: 'init 1', ...declared.images };
    const { vms = threeVms(), containers, warnings = [] } = declared;
    const fleet = { vms, ...(containers === undefined ? {} : { containers }) };
    const inside = declared.inside === undefined ? {} : { inside: declared.inside };
    this.builder.commit(shaOf(n), declared.broken === true ? {} : { fleet, images, inputs: true, warnings, ...inside });
  }

  /** The forge reports the branch. */
  report(): PushOutcome {
    return this.pipeline.push({ repository: 'acme/fleet', ref: 'refs/heads/main', after: shaOf(0) });
  }

  /** A commit is made and reported, and everything that follows from it happens. */
  async push(n: number, declared: Declared = {}, about: Partial<FakeCommit> = {}): Promise<void> {
    this.commit(n, declared, about);
    this.report();
    await this.settle();
  }

  /** Lets everything happen that can without waiting for anybody. */
  async settle(): Promise<void> {
    await this.clock.advance(quietMs);
    for (let rounds = 0; rounds < 4; rounds++) {
      await turn();
      await this.pipeline.idle();
    }
  }

  /** Lets what waits for its pace be shown, also while an apply is held. */
  async show(): Promise<void> {
    await this.clock.advance(editEveryMs);
  }

  /** The newest run, which must be in this phase. */
  run<P extends Phase>(phase: P, id?: string): Extract<Run, { phase: P }> {
    const run = id === undefined ? this.pipeline.runs().at(-1) : this.pipeline.run(id);
    if (run === undefined || !isIn(run, phase)) {
      throw new Error(`run ${run?.id} is ${run?.phase}, not ${phase}:\n${JSON.stringify(run, undefined, 1)}`);
    }
    return run;
  }

  /** Presses a button as it stands on the newest card, or on the one of a run. */
  async press(action: ButtonAction, person = owner): Promise<Answer> {
    const button = this.buttons().find((one) => one.action === action);
    if (button === undefined) throw new Error(`no card has a button ${action}: ${this.text()}`);
    return this.chat.press(button, person);
  }

  /** Every button that can be pressed now, newest message first. */
  buttons() {
    return this.chat.messages.toReversed().flatMap((message) => message.cards.at(-1)?.buttons ?? []);
  }

  /** Approves the newest plan, types what must be typed, and lets the apply happen. */
  async apply(): Promise<Answer> {
    const asked = await this.press('approve');
    const hint = asked.kind === 'form' ? asked.form.fields[0]?.hint : undefined;
    const typed = { names: hint ?? '' };
    const answer = asked.kind === 'form' ? await this.chat.submit(asked.form, typed) : asked;
    await this.settle();
    return answer;
  }

  /** What the newest message says now. */
  text(message = this.chat.messages.at(-1)): string {
    return message === undefined ? '' : textOf(message.cards.at(-1));
  }

  /** The message of a run: where it is shown. */
  message(runId: string): FakeMessage {
    const ref = this.store.runs().find(({ run }) => run.id === runId)?.messages;
    const message = this.chat.messages.find(({ id }) => id === ref?.[this.chat.name]);
    if (message === undefined) throw new Error(`run ${runId} is not shown`);
    return message;
  }

  /** The audit in short: `approved console:owner`. */
  audit(): readonly string[] {
    return this.store
      .audited()
      .map(({ action, who, detail }) => [action, who, detail].filter((part) => part !== undefined).join(' '));
  }

  /** What was logged as an error: nothing, where all went as it should. */
  errors(): readonly string[] {
    return this.logged.filter(({ level }) => level === 'error').map(({ message }) => message);
  }

  readonly log: Log = {
    debug: (facts, message) => void this.logged.push({ level: 'debug', facts, message }),
    info: (facts, message) => void this.logged.push({ level: 'info', facts, message }),
    warn: (facts, message) => void this.logged.push({ level: 'warn', facts, message }),
    error: (facts, message) => void this.logged.push({ level: 'error', facts, message }),
  };

  #open(): Pipeline {
    const { life } = this;
    return new Pipeline({
      fleets: this.fleets.map((fleet) => ({
        ...fleet,
        git: life.hold(fleet.git),
        builder: life.hold(fleet.builder, ['build']),
        cluster: life.hold(fleet.cluster, ['perform', 'upload']),
        ...(this.#forge === undefined ? {} : { forge: life.hold(this.#forge, ['setStatus', 'comment']) }),
      })),
      store: life.hold(this.store, ['saveRun', 'saveMessages', 'moveMessages', 'saveFleet', 'audit']),
      chats: this.chats.map((chat) => life.hold(chat)),
      clock: life.hold(this.clock),
      log: this.log,
      gate: this.#gate,
      editEveryMs: () => editEveryMs,
      pushQuietMs: quietMs,
      runUrl: (id) => `https://bot.example/runs/${id}`,
      risks: [],
    });
  }

  #fleet(change: Partial<Fleet>, policy: Partial<Policy> = {}): Fleet {
    return {
      name: 'acme',
      branch: 'main',
      repository: 'acme/fleet',
      git: this.git,
      builder: this.builder,
      cluster: this.cluster,
      health: this.health,
      clusterName: 'home',
      planExpiryMs: dayMs,
      rollbackWindowMs: dayMs,
      onStopped: 'start',
      tagged: false,
      previewForks: false,
      ...change,
      policy: {
        approvers: ['console:owner', 'console:second'],
        viewers: [],
        approvals: 1,
        authorMayApprove: true,
        authors: {},
        people: {},
        allowOtherBranches: false,
        places: [{ chat: 'console', workspace: 'w-1', channel: 'c-1' }],
        ...policy,
        ...change.policy,
      },
    };
  }
}

/** A bench that runs. */
export async function aBench(options: BenchOptions = {}): Promise<Bench> {
  return new Bench(options).start();
}

function isIn<P extends Phase>(run: Run, phase: P): run is Extract<Run, { phase: P }> {
  return run.phase === phase;
}
