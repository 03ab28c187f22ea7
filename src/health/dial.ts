import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { whyForbidden } from '../lib/addresses.ts';

/** Begins a connection to an IP address that may be connected to. */
export type Connect = (to: { readonly host: string; readonly port: number }) => Socket;

export const connectTo: Connect = ({ host, port }) => createConnection({ host, port });

/** A connection that will not be made; its message says why. */
export class Refused extends Error {}

/** An open connection to the first of these addresses that takes one. Nothing is tried when one of them is forbidden. */
export async function dial(
  connect: Connect,
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  for (const address of addresses) {
    const why = whyForbidden(address);
    if (why !== undefined) throw new Refused(`not asked, ${address} is ${why}`);
  }
  let failure: unknown = new Refused('the name has no address');
  for (const host of addresses) {
    const socket = connect({ host, port });
    try {
      await once(socket, 'connect', { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      failure = error;
      if (signal.aborted) break;
    }
  }
  throw failure;
}
