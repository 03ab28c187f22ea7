import { z } from 'zod';
import type { GuestKind } from './guest-ref.ts';

/** The health check of a started guest. Absent in the flake: the default rule. */
export interface HealthCheck {
  /** Whether the QEMU guest agent must answer a ping. A container has none. */
  readonly agent: boolean;
  readonly tcp: readonly number[];
  readonly http?: string;
  readonly timeoutS: number;
}

/** How long a guest without further checks must have run without a break, in seconds. */
export const settleS = 10;
/** The time limit for a guest without a check of its own, in seconds. */
export const defaultTimeoutS = 120;
/**
 * How long the check waits for an agent that may not exist, in seconds: the first answers come 10 to 60 s after boot.
 */
export const agentGraceS = 60;

/** The stored form of a check. */
export const healthValue = z.strictObject({
  agent: z.boolean(),
  tcp: z.array(z.int().min(1).max(65_535)).max(10_000),
  http: z.exactOptional(z.url({ protocol: /^https?$/ }).max(8192)),
  timeoutS: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** The fields of a check that both kinds of guests have. */
const commonFields = {
  tcp: z.array(z.int().min(1).max(65535)).default([]).describe('ports that must accept a connection'),
  http: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(2000)
    .optional()
    .describe('a URL that must answer'),
  timeout_s: z
    .int()
    .min(1)
    .max(3600)
    .default(defaultTimeoutS)
    .describe(`seconds that it may take; ${defaultTimeoutS} without it`),
};
const vmFields = z.strictObject({
  agent: z.boolean().default(true).describe('whether its agent must answer a ping; it must without the field'),
  ...commonFields,
});
/** A container has no agent: its host reads its state. */
const containerFields = z.strictObject(commonFields);

/** `health` of a VM as the flake writes it. */
export const vmHealth = vmFields.transform(({ agent, ...checks }) => ({ agent, ...namedChecks(checks) }));
/** `health` of a container as the flake writes it. */
export const containerHealth = containerFields.transform((checks) => ({ agent: false, ...namedChecks(checks) }));

/** The fields of `health`. */
export const healthFields = { vm: vmFields, container: containerFields } as const;

function namedChecks({ tcp, http, timeout_s }: z.output<typeof containerFields>) {
  return { tcp, timeoutS: timeout_s, ...(http === undefined ? {} : { http }) };
}

/** The check that is carried out. A container has no agent; without a check of its own it must only run. */
export function checkOf(kind: GuestKind, check: HealthCheck | undefined): HealthCheck | undefined {
  if (kind === 'vm') return check;
  return { tcp: [], timeoutS: defaultTimeoutS, ...check, agent: false };
}

/**
 * The check that will be carried out (`checkOf`) as text for the plan's card: `agent ping, tcp 22`. Without the agent,
 * the text names what is checked instead.
 */
export function describeHealth(check: HealthCheck | undefined): string {
  if (check === undefined) {
    return `running for ${settleS} s, agent ping if an agent answers within ${agentGraceS} s or ever did`;
  }
  const asked = checkNames(check).filter((name) => name !== 'running');
  if (asked.length === 0) return `running for ${Math.min(settleS, check.timeoutS)} s`;
  return (check.agent ? asked : ['running', ...asked]).join(', ');
}

/** Does the check only see that the guest runs? By the default rule it does when no agent answered. */
export function seesOnlyRunning(check: HealthCheck | undefined, agentAnswered: boolean): boolean {
  if (check === undefined) return !agentAnswered;
  return checkNames(check).length === 1;
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

/** The name of an HTTP check in reports, without password and query, which may be secrets. */
export function pageName(http: string): string {
  const { origin, pathname } = new URL(http);
  return `GET ${origin}${pathname}`;
}
