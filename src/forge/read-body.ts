/** A request's body as it came, or why there is none. */
export type Body =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'too-slow' }
  | { readonly kind: 'broken' };

/** Reads the raw body. Never keeps more than `limitBytes`, never takes longer than `timeoutMs` for the whole of it. */
export async function readBody(request: Request, limits: { limitBytes: number; timeoutMs: number }): Promise<Body> {
  if (Number(request.headers.get('content-length') ?? 0) > limits.limitBytes) return { kind: 'too-large' };
  if (request.body === null) return { kind: 'bytes', bytes: new Uint8Array() };
  const reader = request.body.getReader();
  const deadline = after(limits.timeoutMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), deadline.reached]);
      if (next === 'late') return { kind: 'too-slow' };
      if (next.done) return { kind: 'bytes', bytes: Buffer.concat(chunks) };
      size += next.value.byteLength;
      if (size > limits.limitBytes) return { kind: 'too-large' };
      chunks.push(next.value);
    }
  } catch {
    // The sender went away in mid-body: there is nobody left to tell.
    return { kind: 'broken' };
  } finally {
    deadline.clear();
  }
}

function after(ms: number): { readonly reached: Promise<'late'>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const reached = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  return { reached, clear: () => clearTimeout(timer) };
}
