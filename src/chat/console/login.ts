import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { Attempts } from './attempts.ts';
import { loginPage } from './login-page.ts';

const cookie = 'proxnix_console';
const days30 = 30 * 24 * 3600;

/** Log-in for a console with a token: the guard for its routes, and the pages to log in and out. */
export function login(token: string, now: () => number): { readonly guard: MiddlewareHandler; readonly routes: Hono } {
  const attempts = new Attempts({ limit: 5, windowMs: 60_000, now });

  /** Compares in constant time; wrong attempts are counted by address, and too many of them count as wrong too. */
  const judge = (c: Context, given: string): 'right' | 'wrong' | 'too-many' => {
    const from = addressOf(c);
    if (!attempts.allowed(from)) return 'too-many';
    if (isSame(given, token)) return 'right';
    attempts.failed(from);
    return 'wrong';
  };

  const guard: MiddlewareHandler = async (c, next) => {
    const bearer = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined) {
      const verdict = judge(c, bearer);
      return verdict === 'right' ? next() : refused(c, verdict);
    }
    if (await hasSession(c, token, now())) return next();
    if (c.req.path === '/') return c.redirect('/login', 303);
    return refused(c, 'wrong');
  };

  const routes = new Hono();
  routes.get('/login', (c) => c.html(loginPage()));
  routes.post('/login', bodyLimit({ maxSize: 4096 }), async (c) => {
    const { token: given } = await c.req.parseBody();
    const verdict = judge(c, typeof given === 'string' ? given : '');
    if (verdict === 'too-many') return c.html(loginPage('Too many attempts. Wait a minute, then try again.'), 429);
    if (verdict === 'wrong') return c.html(loginPage('This is not the token.'), 401);
    await setSession(c, token, now());
    return c.redirect('/', 303);
  });
  routes.post('/logout', (c) => {
    deleteCookie(c, cookie);
    return c.redirect('/login', 303);
  });
  return { guard, routes };
}

function refused(c: Context, verdict: 'wrong' | 'too-many') {
  if (verdict === 'too-many') return c.json({ error: 'Too many wrong tokens.', next: 'Wait a minute.' }, 429);
  const next = 'Log in at /login, or send Authorization: Bearer with the console token.';
  return c.json({ error: 'You are not logged in.', next }, 401, { 'www-authenticate': 'Bearer' });
}

/** A session is its end, signed with the token: it outlives a restart and ends when the token changes. */
async function setSession(c: Context, token: string, now: number): Promise<void> {
  await setSignedCookie(c, cookie, String(now + days30 * 1000), token, {
    httpOnly: true,
    sameSite: 'Strict',
    maxAge: days30,
    secure: c.req.header('x-forwarded-proto') === 'https',
  });
}

async function hasSession(c: Context, token: string, now: number): Promise<boolean> {
  const end = await getSignedCookie(c, token, cookie);
  return typeof end === 'string' && Number(end) > now;
}

function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** The peer's address; one for all where a request did not come over a socket. */
function addressOf(c: Context<{ Bindings: Partial<HttpBindings> }>): string {
  return c.env?.incoming?.socket.remoteAddress ?? 'unknown';
}
