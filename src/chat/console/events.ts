import { setTimeout } from 'node:timers/promises';
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Overview } from '../../views/overview.ts';
import type { Channel } from './channel.ts';
import { wireMessage } from './message-store.ts';

/** The collaborators of an event stream. */
export interface EventsOptions {
  readonly channel: Channel;
  /** A new id at each start of the bot, because versions restart with it. */
  readonly life: string;
  /** Ends every stream. */
  readonly stopped: AbortSignal;
  /** Milliseconds between comments that keep proxies from closing a silent stream. */
  readonly keepAliveMs: number;
  /** Set where the reader watches the fleets as well; milliseconds between two looks. */
  readonly fleets?: { readonly read: () => Promise<Overview | undefined>; readonly everyMs: number };
}

/**
 * Follows the channel as server-sent events: `snapshot` (the whole channel) or `message` (one that changed, in its
 * newest state), and `fleet` (the whole overview) for those who watch it. A slow reader gets fewer, newer states, so no
 * backlog grows.
 */
export function followChannel(c: Context, options: EventsOptions): Response {
  const from = knownVersion(c.req.header('last-event-id'), options.life);
  return streamSSE(c, async (stream) => {
    const gone = new AbortController();
    stream.onAbort(() => gone.abort());
    const end = AbortSignal.any([gone.signal, options.stopped]);
    await stream.write('retry: 1000\n: connected\n\n');
    const { fleets } = options;
    const watched = fleets === undefined ? undefined : followFleets(stream, fleets, end);
    for (let version = from; !end.aborted; ) {
      version = await tell(stream, options, version);
      const changed = await options.channel.changeAfter(version, end, options.keepAliveMs);
      if (!changed && !end.aborted) await stream.write(': still here\n\n');
    }
    await watched;
  });
}

/** Sends the overview when it differs from the one before. */
async function followFleets(
  stream: SSEStreamingApi,
  { read, everyMs }: NonNullable<EventsOptions['fleets']>,
  end: AbortSignal,
): Promise<void> {
  let before = '';
  while (!end.aborted) {
    const data = JSON.stringify((await read()) ?? null);
    if (data !== before && data !== 'null' && !end.aborted) await stream.writeSSE({ event: 'fleet', data });
    before = data;
    // The end of the stream ends the pause, which is no error.
    await setTimeout(everyMs, undefined, { signal: end }).catch(() => undefined);
  }
}

async function tell(stream: SSEStreamingApi, options: EventsOptions, from: number | undefined): Promise<number> {
  const news = options.channel.since(from);
  const id = `${options.life}.${news.version}`;
  const messages = news.messages.map(wireMessage);
  if (news.whole) {
    await stream.writeSSE({ event: 'snapshot', id, data: JSON.stringify({ messages }) });
    return news.version;
  }
  for (const [index, message] of messages.entries()) {
    const last = index === messages.length - 1;
    // Only the last event of a batch has an id, so a stream that breaks inside the batch repeats it.
    await stream.writeSSE({ event: 'message', data: JSON.stringify({ message }), ...(last ? { id } : {}) });
  }
  return news.version;
}

function knownVersion(lastEventId: string | undefined, life: string): number | undefined {
  const [known, version] = lastEventId?.split('.') ?? [];
  return known === life && /^\d{1,15}$/.test(version ?? '') ? Number(version) : undefined;
}
