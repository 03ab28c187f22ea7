const broken: readonly unknown[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/**
 * Sends a request once more when its connection broke before the answer: an idle connection that the other side closed
 * at that moment is the usual reason, and discord.js knows only some of the codes for it. For requests that may arrive
 * twice; `wasDone` reads from the second error that the first request had arrived.
 */
export async function sendAgain(send: () => Promise<unknown>, wasDone?: (error: unknown) => boolean): Promise<unknown> {
  try {
    return await send();
  } catch (error) {
    if (!isBroken(error)) throw error;
  }
  try {
    return await send();
  } catch (error) {
    if (wasDone?.(error) === true) return undefined;
    throw error;
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && broken.includes(error.code);
}
