import type { GuestKind, HealthCheck } from './guest.ts';

/** How long a guest of which nothing else is asked must have run without a break, in seconds. */
export const settleS = 10;
/** The time a guest without a check of its own gets, in seconds. */
export const defaultTimeoutS = 120;
/** How long an agent that may not exist is waited for, in seconds: the first answers come 10 to 60 s after boot. */
export const agentGraceS = 60;

/** The check that is carried out. A container has no agent: without a check of its own it must run, and that is all. */
export function checkOf(kind: GuestKind, check: HealthCheck | undefined): HealthCheck | undefined {
  if (kind === 'vm') return check;
  return { tcp: [], timeoutS: defaultTimeoutS, ...check, agent: false };
}

/**
 * What will be checked (`checkOf`), in words, for the plan's card: `agent ping, tcp 22`. Where the flake does without the agent it
 * says what is checked instead.
 */
export function describeHealth(check: HealthCheck | undefined): string {
  if (check === undefined) return `running for ${settleS} s, agent ping if an agent answers within ${agentGraceS} s`;
  const asked = checkNames(check).filter((name) => name !== 'running');
  if (asked.length === 0) return `running for ${Math.min(settleS, check.timeoutS)} s`;
  return (check.agent ? asked : ['running', ...asked]).join(', ');
}

/** The names of all checks of a guest, in the order of its report. */
export function checkNames(check: HealthCheck | undefined): readonly string[] {
  if (check === undefined) return ['running', 'agent ping'];
  return [
    'running',
    ...(check.agent ? ['agent ping'] : []),
    ...check.tcp.map(portName),
    ...(check.http === undefined ? [] : [pageName(check.http)]),
  ];
}

export function portName(port: number): string {
  return `tcp ${port}`;
}

/** Without what may be a secret: no password, no query. */
export function pageName(http: string): string {
  const { origin, pathname } = new URL(http);
  return `GET ${origin}${pathname}`;
}
