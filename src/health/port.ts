import { type Connect, dial } from './dial.ts';
import { wordsFor } from './network-errors.ts';
import type { Sight } from './sight.ts';

/** Whether a port takes a connection; nothing is sent. The address is a guest's own word, so the fence is asked too. */
export async function tryPort(connect: Connect, address: string, port: number, signal: AbortSignal): Promise<Sight> {
  try {
    const socket = await dial(connect, [address], port, signal);
    socket.destroy();
    return { ok: true, text: 'open' };
  } catch (error) {
    return { ok: false, text: wordsFor(error) };
  }
}
