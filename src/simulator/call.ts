import { type Caller, demand, isAllowed, type Need } from './access.ts';
import type { World } from './world.ts';

/** The parameters of a call, of path, query and body alike, as text. */
export type Given = ReadonlyMap<string, string>;

/** One authenticated request: its caller, path and parameters. */
export interface Call {
  readonly world: World;
  readonly caller: Caller;
  readonly method: string;
  readonly path: string;
  readonly given: Given;
}

/** An answer with more than `data` at its top. */
export interface Reply {
  readonly data: unknown;
  readonly total?: number;
}

/** Serves a call: returns the value of `data`, or a `Reply`. */
export type Handler = (call: Call) => unknown;

/** A handler's answer with a total beside the data. */
export class ReplyWith {
  readonly reply: Reply;

  constructor(reply: Reply) {
    this.reply = reply;
  }
}

/** A parameter's text; empty when it was not given. */
export function text(call: { readonly given: Given }, name: string): string {
  return call.given.get(name) ?? '';
}

/** A parameter's number, or the default. */
export function amount(call: { readonly given: Given }, name: string, otherwise = 0): number {
  const value = call.given.get(name);
  return value === undefined ? otherwise : Number(value);
}

/** Whether a boolean parameter is 1. */
export function flag(call: { readonly given: Given }, name: string): boolean {
  return call.given.get(name) === '1';
}

/** Throws a 403 unless the caller has the needed privileges on a path. */
export function demandRight(call: Call, path: string, need: Need): void {
  demand(call.caller, path, need, (vmid) => call.world.poolOf(vmid));
}

/** Whether the caller has the needed privileges on a path. */
export function may(call: Call, path: string, need: Need): boolean {
  return isAllowed(call.caller, path, need, (vmid) => call.world.poolOf(vmid));
}
