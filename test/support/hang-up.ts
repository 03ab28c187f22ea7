import type { Socket } from 'node:net';

/**
 * All that a server sends until it hangs up. Where it never does (its precondition is gone) the socket is closed from here, so
 * that the test fails and leaves nothing open. @throws when the server is still there after `limitMs`
 */
export async function untilHangUp(socket: Socket, limitMs = 10_000): Promise<string> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
  });
  // The server may hang up while we still send.
  socket.on('error', () => undefined);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    socket.destroy();
  }, limitMs);
  await new Promise((resolve) => socket.once('close', resolve));
  clearTimeout(limit);
  if (late) throw new Error(`the server did not hang up within ${limitMs} ms; it sent ${JSON.stringify(answer)}`);
  return answer;
}
