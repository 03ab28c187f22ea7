import type { App, Receiver } from '@slack/bolt';
import type { Log } from '../../log.ts';
import type { BoltLogger } from './bolt-logger.ts';
import { Link } from './link.ts';
import { pause } from './pause.ts';

export interface SocketOptions {
  readonly appToken: string;
  readonly apiUrl: string;
  readonly logger: BoltLogger;
  readonly log: Log;
  /** Milliseconds between the opening of the first and the second socket. */
  readonly stagger: number;
}

/**
 * Socket Mode over two connections. Slack renews each every few hours and the library needs two seconds to come back:
 * a click in that time would fail. The second is opened later, so that the two are not renewed together.
 */
export class SocketsReceiver implements Receiver {
  readonly #options: SocketOptions;
  readonly #stopped = new AbortController();
  readonly #links: readonly [Link, Link];
  #second: Promise<void> = Promise.resolve();

  constructor(options: SocketOptions) {
    this.#options = options;
    const link = (): Link => new Link(options, this.#stopped.signal);
    this.#links = [link(), link()];
  }

  init(app: App): void {
    for (const link of this.#links) link.receiver.init(app);
  }

  /** Resolves when clicks arrive, or when Slack cannot be reached and the trying goes on. Rejects when Slack refuses. */
  async start(): Promise<void> {
    const [first, second] = this.#links;
    await first.open();
    this.#second = pause(this.#options.stagger, this.#stopped.signal)
      .then(() => second.open())
      .catch((error: unknown) => {
        this.#options.log.warn(
          { err: error },
          'Slack refuses a second socket; clicks may be lost while the first is renewed',
        );
      });
  }

  /** Resolves when the sockets are closed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#second;
    await Promise.all(this.#links.map((link) => link.close()));
  }
}
