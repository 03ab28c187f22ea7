import { UserError } from '../core/errors.ts';
import type { GuestRef, HealthCheck } from '../core/guest.ts';

/** A guest that was just started. */
export interface CheckedGuest extends GuestRef {
  readonly name: string;
  /** As the flake has it; absent: the default rule. */
  readonly check?: HealthCheck;
  /** Its agent has answered before, on this image or an earlier one: by the default rule it must answer again. */
  readonly hadAgent?: boolean;
}

/** The last observation of a guest. */
export interface HealthReport {
  /** Every check is ok. */
  readonly healthy: boolean;
  /**
   * In the order of the flake. `ok`: the check does not keep the guest from being healthy. `text` is a line for people
   * that begins with the name: `tcp 22: refused, 60 tries in 120 s`.
   */
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly text: string }[];
  readonly tookMs: number;
  /** The guest's agent answered once during the check. */
  readonly agentAnswered: boolean;
}

/** Receives what a health check is waiting for. */
export interface HealthMonitor {
  /** Called with the checks that have not passed yet, whenever they change. */
  line(text: string): void;
}

/** Is this guest healthy? */
export interface Health {
  /**
   * Observes a guest that was just started until it is healthy or its time is up (`timeoutS`, else 120 s). Every check
   * asked for must pass at the same observation, once.
   *
   * With a check in the flake: it runs, and the agent answers a ping (`agent`), each TCP port of the address that is
   * told of it is open, and the URL answers 2xx or 3xx. Where the flake asks for none of these it must have run for
   * 10 s without a break.
   *
   * Without a check: it must have run for 10 s without a break, and the agent of a VM must answer a ping; running is
   * enough when no agent is configured, or when none has answered once in the first 60 s and none ever did (`hadAgent`). A
   * container has no agent: its host tells its address. A VM whose processors stand still (paused, io-error) does not run.
   *
   * @returns what was seen last, for an unhealthy guest too. Rejects when it cannot be told: at once with a
   * `NotAllowed`, at the end of its time with the `UserError` of a cluster that does not answer, and with the reason of
   * the signal.
   */
  check(guest: CheckedGuest, monitor: HealthMonitor, signal?: AbortSignal): Promise<HealthReport>;
}

/**
 * The questions of a health check to the cluster. An incomplete answer is an answer; a `UserError` is thrown only when
 * the question could not be asked, a `NotAllowed` when it never will be.
 */
export interface GuestProbe {
  /** `stands`: QEMU is there and its processors stand still; the state in QEMU's own word (`paused`, `io-error`). */
  running(at: GuestRef): Promise<RunState>;
  /** `silent`: none answers now (a stopped guest's too). `absent`: the guest is configured without one, or a container. */
  agentPing(at: GuestRef): Promise<'ok' | 'silent' | 'absent'>;
  /**
   * The first address that is neither loopback nor link-local, as the agent of a VM or the host of a container tells it;
   * `undefined` when it tells none.
   */
  address(at: GuestRef): Promise<string | undefined>;
}

/** Whether a guest runs. */
export type RunState = 'running' | 'stopped' | { readonly stands: string };

/** The cluster refuses the answer: a privilege is missing, and waiting does not help. */
export class NotAllowed extends UserError {}
