import type { HealthCheck } from '../core/guest.ts';
import { agentGraceS, checkNames, defaultTimeoutS, settleS } from '../core/health.ts';
import { type Answer, type Look, pingWords } from './observe.ts';
import type { Sight } from './sight.ts';

/** What is remembered from look to look. Times in milliseconds since the watch began. */
export interface Past {
  /** Since when it was seen running at every look. */
  readonly runningSince?: number;
  /** Its agent has answered: it has one. */
  readonly hasAgent: boolean;
}

export const nothingYet: Past = { hasAgent: false };

/** A check after a look, with its name. */
export interface Verdict extends Sight {
  readonly name: string;
}

/** A cluster that does not answer says nothing against the guest. */
export function remember(past: Past, { running, ping }: Look, atMs: number): Past {
  const hasAgent = past.hasAgent || (ping !== undefined && 'said' in ping && ping.said === 'ok');
  if ('error' in running) return { ...past, hasAgent };
  return running.said ? { runningSince: past.runningSince ?? atMs, hasAgent } : { hasAgent };
}

/** The checks of a guest after a look, by the rule of `Health.watch`. `past` has seen this look already. */
export function judge(check: HealthCheck | undefined, look: Look, past: Past, atMs: number): readonly Verdict[] {
  const agent = check === undefined ? maybeAgent(look, past, atMs) : check.agent ? demandedAgent(look) : [];
  const sights = [
    running(look.running, past, atMs, neededMs(check)),
    ...agent,
    ...look.ports,
    ...(look.page === undefined ? [] : [look.page]),
  ];
  const names = checkNames(check);
  return sights.map((sight, index) => ({ ...sight, name: names[index] ?? '' }));
}

/** A check that says more than "it runs" needs no patience besides. */
function neededMs(check: HealthCheck | undefined): number {
  const says = check !== undefined && (check.agent || check.tcp.length > 0 || check.http !== undefined);
  return says ? 0 : Math.min(settleS, check?.timeoutS ?? defaultTimeoutS) * 1000;
}

function running(answer: Answer<boolean>, { runningSince }: Past, atMs: number, needed: number): Sight {
  if ('error' in answer) return { ok: false, text: answer.error.message };
  if (!answer.said || runningSince === undefined) return { ok: false, text: 'it does not run' };
  const forMs = atMs - runningSince;
  if (needed === 0) return { ok: true, text: 'yes' };
  const enough = forMs >= needed;
  return { ok: enough, text: enough ? `for ${seconds(forMs)}` : `not for ${seconds(needed)} yet` };
}

function demandedAgent({ ping }: Look): readonly Sight[] {
  if (ping === undefined) return [];
  if ('error' in ping) return [{ ok: false, text: ping.error.message }];
  return [{ ok: ping.said === 'ok', text: pingWords[ping.said] }];
}

function maybeAgent(look: Look, { hasAgent }: Past, atMs: number): readonly Sight[] {
  const { ping } = look;
  if (ping === undefined || 'error' in ping || ping.said === 'ok' || hasAgent) return demandedAgent(look);
  const mayCome = ping.said === 'silent' && atMs < agentGraceS * 1000;
  return [{ ok: !mayCome, text: mayCome ? pingWords.silent : `${pingWords[ping.said]}, running is enough` }];
}

export function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}
