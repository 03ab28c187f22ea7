import { lookup as resolve } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { checkOf, defaultTimeoutS } from '../core/health.ts';
import { type Connect, connectTo } from './dial.ts';
import { judge, nothingYet, remember, seconds, type Verdict } from './evaluate.ts';
import type { GuestProbe, Health, HealthReport } from './health.ts';
import { type Look, look } from './observe.ts';
import type { Lookup } from './page.ts';
import { until } from './until.ts';

export interface HealthOptions {
  readonly probe: GuestProbe;
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** A signal that ends after so many milliseconds. */
  readonly timeout?: (ms: number) => AbortSignal;
  readonly lookup?: Lookup;
  readonly connect?: Connect;
  /** PEM text of a CA that is trusted for URLs besides the public ones. */
  readonly ca?: string;
  /** Milliseconds between two looks. */
  readonly everyMs?: number;
  /** How long a port or a URL may take to answer at one look, in milliseconds. */
  readonly answerMs?: number;
}

/** Health as the bot's own machine sees it: by the cluster's API, and over the network to the guest itself. */
export function createHealth(options: HealthOptions): Health {
  const { now = Date.now, sleep = wait, timeout = (ms) => AbortSignal.timeout(ms), everyMs = 2000 } = options;
  const { lookup = allAddresses, connect = connectTo, answerMs = 5000 } = options;
  const ways = { ...options, lookup, connect };

  const watch: Health['watch'] = async (guest, monitor, cancelled = new AbortController().signal) => {
    const began = now();
    const check = checkOf(guest.guestKind, guest.check);
    const limitMs = (check?.timeoutS ?? defaultTimeoutS) * 1000;
    let past = nothingYet;
    let said = '';
    for (let tries = 1; ; tries++) {
      const limit = () => AbortSignal.any([timeout(answerMs), cancelled]);
      const seen = await until(look(ways, guest, check, limit), cancelled);
      const tookMs = now() - began;
      past = remember(past, seen, tookMs);
      const verdicts = judge(check, seen, past, tookMs);
      const well = verdicts.every(({ ok }) => ok);
      if (!well && tookMs >= limitMs) throwUnanswered(seen);
      if (well || tookMs >= limitMs) return report(verdicts, tries, tookMs);
      const text = waitingFor(verdicts);
      if (text !== said) monitor.line(text);
      said = text;
      await until(sleep(Math.min(everyMs, limitMs - tookMs), cancelled), cancelled);
    }
  };
  return { watch };
}

/** A guest is not ill because the cluster was silent about it. */
function throwUnanswered({ running, ping }: Look): void {
  if ('error' in running) throw running.error;
  if (ping !== undefined && 'error' in ping) throw ping.error;
}

function report(verdicts: readonly Verdict[], tries: number, tookMs: number): HealthReport {
  const spent = `${tries} ${tries === 1 ? 'try' : 'tries'} in ${seconds(tookMs)}`;
  return {
    well: verdicts.every(({ ok }) => ok),
    checks: verdicts.map(({ name, ok, text }) => ({ name, ok, text: `${name}: ${text}${ok ? '' : `, ${spent}`}` })),
    tookMs,
  };
}

function waitingFor(verdicts: readonly Verdict[]): string {
  const open = verdicts.filter(({ ok }) => !ok);
  return open.map(({ name, text }) => `${name}: ${text}`).join('; ');
}

async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
}

/** IPv4 first, as the guest's own address is chosen. */
async function allAddresses(name: string): Promise<readonly string[]> {
  const found = await resolve(name, { all: true });
  return found.sort((a, b) => a.family - b.family).map(({ address }) => address);
}
