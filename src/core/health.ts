import { z } from 'zod';
import type { GuestKind } from './guest-ref.ts';

/** How a started guest is judged. Absent in the flake: the defaults of the health check. */
export interface HealthCheck {
  /** Whether the QEMU guest agent must answer a ping. A container has none. */
  readonly agent: boolean;
  readonly tcp: readonly number[];
  readonly http?: string;
  readonly timeoutS: number;
}

/** How long a guest of which nothing else is asked must have run without a break, in seconds. */
export const settleS = 10;
/** The time a guest without a check of its own gets, in seconds. */
export const defaultTimeoutS = 120;
/** How long an agent that may not exist is waited for, in seconds: the first answers come 10 to 60 s after boot. */
export const agentGraceS = 60;

/** A check as it is held and stored. */
export const healthValue = z.strictObject({
  agent: z.boolean(),
  tcp: z.array(z.int().min(1).max(65_535)).max(10_000),
  http: z.exactOptional(z.url({ protocol: /^https?$/ }).max(8192)),
  timeoutS: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** What can be asked of a guest of either kind after its start. */
const commonFields = {
  tcp: z.array(z.int().min(1).max(65535)).default([]),
  http: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(2000)
    .optional(),
  timeout_s: z.int().min(1).max(3600).default(defaultTimeoutS),
};
const vmFields = z.strictObject({ agent: z.boolean().default(true), ...commonFields });
/** A container has no agent: its host sees into it. */
const containerFields = z.strictObject(commonFields);

/** `health` of a VM as the flake writes it. */
export const vmHealth = vmFields.transform(({ agent, ...checks }) => ({ agent, ...namedChecks(checks) }));
/** `health` of a container as the flake writes it. */
export const containerHealth = containerFields.transform((checks) => ({ agent: false, ...namedChecks(checks) }));

/** The names that may stand in `health`, for the error of one that may not. */
export const healthFields: Readonly<Record<GuestKind, readonly string[]>> = {
  vm: Object.keys(vmFields.shape),
  container: Object.keys(containerFields.shape),
};

function namedChecks({ tcp, http, timeout_s }: z.output<typeof containerFields>) {
  return { tcp, timeoutS: timeout_s, ...(http === undefined ? {} : { http }) };
}

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

/** How the check of a port is named in reports: `tcp 22`. */
export function portName(port: number): string {
  return `tcp ${port}`;
}

/** Without what may be a secret: no password, no query. */
export function pageName(http: string): string {
  const { origin, pathname } = new URL(http);
  return `GET ${origin}${pathname}`;
}
