import { createHmac } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { html } from 'hono/html';
import type { Logger } from 'pino';
import { isLoopback } from '../../lib/addresses.ts';
import { Secret } from '../../secret.ts';

/** The collaborators of the log-in. */
export interface LoginOptions {
  readonly token: Secret;
  /** The path of the token's file on the log-in page; absent when the token was configured. */
  readonly tokenFile?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

/** The log-in as routes and a guard. */
export interface Login {
  /** Refuses requests without the token or a session of it: `/` redirects to the log-in, every other path answers 401. */
  readonly guard: MiddlewareHandler;
  /** The pages to log in and out. */
  readonly routes: Hono;
}

const days30 = 30 * 24 * 3600;

/**
 * Log-in with the console's token: as `?token=` in the address of the page (the bot prints it at its start), in the form at
 * `/login`, or as `Authorization: Bearer` with each request of a script. A browser gets a session. Wrong tokens never lock
 * out the right one, because behind a proxy all clients have one address; the length of the token prevents guessing.
 */
export function login(options: LoginOptions): Login {
  const { token, tokenFile, now } = options;
  const wrongToken = reporter(options);
  const page = (to: string, problem?: string) => loginPage({ tokenFile, problem, to });

  const guard: MiddlewareHandler = async (c, next) => {
    const { path } = c.req;
    const linked = path === '/' ? c.req.query('token') : undefined;
    if (linked !== undefined) return followLink(c, linked);
    const bearer = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined && !token.isSame(bearer)) wrongToken();
    if (bearer === undefined ? await mayGoOn(c, token, now()) : token.isSame(bearer)) return next();
    if (isLoginAsset(path)) return next();
    if (!isView(path) || bearer !== undefined) return refused(c);
    if (cameFromElsewhere(c)) return c.html(onwardPage(path));
    return c.redirect(path === '/' ? '/login' : `/login?to=${encodeURIComponent(path)}`, 303);
  };

  /** Removes the token from the address, so that no history, bookmark or screenshot holds it. */
  const followLink = async (c: Context, given: string): Promise<Response> => {
    if (token.isSame(given)) return begin(c, token, now(), '/');
    wrongToken();
    // A browser that is already logged in opened the link of an earlier token.
    if (cameFromElsewhere(c) || (await sessionEnd(c, token, now())) !== undefined) return c.redirect('/', 303);
    return c.html(page('/', 'The token in this address is wrong.'), 401);
  };

  const routes = new Hono();
  routes.get('/login', (c) => c.html(page(viewOf(c.req.query('to')))));
  routes.post('/login', bodyLimit({ maxSize: 4096 }), async (c) => {
    const { token: given, to: wanted } = await c.req.parseBody();
    const to = viewOf(wanted);
    if (typeof given !== 'string' || !token.isSame(given.trim())) {
      wrongToken();
      return c.html(page(to, 'This is not the token.'), 401);
    }
    return begin(c, token, now(), to);
  });
  routes.post('/logout', (c) => {
    deleteCookie(c, cookieOf(c));
    return c.redirect('/login', 303);
  });
  return { guard: uncached(guard), routes };
}

/** The addresses of the page's views. */
function isView(path: string): boolean {
  return /^\/(?:fleet|runs\/r-[0-9]{1,9})?$/.test(path);
}

/** Where a log-in leads: to the view that was asked for. Another address could be one of a stranger. */
function viewOf(to: unknown): string {
  return typeof to === 'string' && isView(to) ? to : '/';
}

/** Answers of the guard are never cached. */
function uncached(guard: MiddlewareHandler): MiddlewareHandler {
  return async (c, next) => {
    const response = await guard(c, next);
    if (response instanceof Response) response.headers.set('cache-control', 'no-store');
    return response;
  };
}

function refused(c: Context): Response {
  const next = 'Log in at /login, or send Authorization: Bearer with the console token.';
  return c.json({ error: 'You are not logged in.', next }, 401, { 'www-authenticate': 'Bearer' });
}

/**
 * Whether a link on another site led here. The browser then withholds the session (SameSite=Strict), also over redirects.
 * It sends the session with the next request, which a page of the console makes.
 */
function cameFromElsewhere(c: Context): boolean {
  return c.req.header('sec-fetch-site') === 'cross-site';
}

/**
 * The name of the session cookie. It contains the port that the browser sees, because browsers share cookies among all ports
 * of a host, and two bots on one machine would log each other out.
 */
function cookieOf(c: Context): string {
  const port = /:(\d{1,5})$/.exec(c.req.header('host') ?? '')?.[1];
  return port === undefined ? 'proxnix_console' : `proxnix_console_${port}`;
}

/**
 * A session is its signed expiry time: it survives a restart and ends when the token changes. The redirect carries the action
 * key behind a `#`, which a browser never sends; the page stores it where no other port of this host can read it.
 */
async function begin(c: Context, token: Secret, now: number, to: string): Promise<Response> {
  const end = String(now + days30 * 1000);
  await setSignedCookie(c, cookieOf(c), end, token.reveal(), {
    httpOnly: true,
    sameSite: 'Strict',
    maxAge: days30,
    secure: c.req.header('x-forwarded-proto') === 'https',
  });
  return c.redirect(`${to}#${actKey(token, end).reveal()}`, 303);
}

/**
 * The session alone permits reading. Acting requires the key as well, because a browser sends the cookie to every port of
 * this host, so a program that listens on another port may obtain it.
 */
async function mayGoOn(c: Context, token: Secret, now: number): Promise<boolean> {
  const end = await sessionEnd(c, token, now);
  if (end === undefined || ['GET', 'HEAD'].includes(c.req.method)) return end !== undefined;
  return actKey(token, end).isSame(c.req.header(actHeader) ?? '');
}

async function sessionEnd(c: Context, token: Secret, now: number): Promise<string | undefined> {
  const end = await getSignedCookie(c, token.reveal(), cookieOf(c));
  return typeof end === 'string' && Number(end) > now ? end : undefined;
}

function actKey(token: Secret, end: string): Secret {
  return new Secret(createHmac('sha256', token.reveal()).update(`act until ${end}`).digest('hex'));
}

/** Logs wrong tokens, at most one line a minute with their number. */
function reporter({ log, now }: LoginOptions): () => void {
  let count = 0;
  let quietUntil = 0;
  return () => {
    count += 1;
    if (now() < quietUntil) return;
    log.warn({ count }, 'console: a wrong token was refused');
    count = 0;
    quietUntil = now() + 60_000;
  };
}

const assets = ['icon.svg', 'card.css', 'page.css', 'dialog.css', 'theme.js', 'onward.js', 'session.js'];

/** Whether the log-in page itself uses this file; every other file requires a log-in. */
export function isLoginAsset(path: string): boolean {
  return assets.some((name) => path === `/console/${name}`);
}

/** The page that asks for the token; it works without script. */
export function loginPage({ tokenFile, problem, to }: LoginPage) {
  const said = problem === undefined ? '' : html`<p class="problem" id="problem" role="alert">${problem}</p>`;
  const where =
    tokenFile === undefined
      ? html`the value of <code>CONSOLE_TOKEN</code> where proxnix runs.`
      : html`it is in the address that proxnix prints at its start, and in this file: <code>${tokenFile}</code>`;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Log in - proxnix</title>
    <link rel="icon" href="/console/icon.svg" />
    <link rel="stylesheet" href="/console/card.css" />
    <link rel="stylesheet" href="/console/page.css" />
    <link rel="stylesheet" href="/console/dialog.css" />
    <script src="/console/theme.js"></script>
  </head>
  <body class="login">
    <main>
      <h1>proxnix</h1>
      <p>This console needs its token: ${where}</p>
      <form method="post" action="/login">
        <input type="hidden" name="to" value="${to}" />
        ${said}
        <label for="token">Token</label>
        <input id="token" name="token" type="password" required autofocus autocomplete="current-password"
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`} />
        <button class="primary">Log in</button>
      </form>
    </main>
  </body>
</html> `;
}

interface LoginPage {
  readonly tokenFile: string | undefined;
  /** Shown above the field. */
  readonly problem: string | undefined;
  /** The view that the log-in leads to. */
  readonly to: string;
}

/** A page that opens a view of the console, so that the browser sends the session. It keeps the key of a log-in. */
export function onwardPage(to: string) {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>proxnix</title>
    <script type="module" src="/console/onward.js"></script>
    <noscript><meta http-equiv="refresh" content="0; url=${to}" /></noscript>
  </head>
  <body>
    <a href="${to}">Go on to the console</a>
  </body>
</html> `;
}

/** The header that scripts send with a POST. A page of another site cannot add it without a CORS preflight. */
export const scriptHeader = 'x-proxnix';

/** The header with the action key, which the page got at the log-in. */
export const actHeader = 'x-proxnix-session';

/**
 * Requires a loopback name or a configured name in the Host header, against DNS rebinding by another site. This is a second
 * defence: such a site has no session, because a browser keeps cookies by host name.
 */
export function onlyOwnNames(names: readonly string[]): MiddlewareHandler {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return async (c, next) => {
    const host = hostName(c.req.header('host') ?? '');
    if (host !== undefined && (isLoopback(host) || known.has(host))) return next();
    return c.json(
      {
        error: 'The console is not served under this name.',
        next: 'Open it as localhost, or name it in CONSOLE_HOSTS (which needs CONSOLE_TOKEN).',
      },
      421,
    );
  };
}

/** Refuses a POST that a page of another site could have sent (CSRF). */
export const onlyOwnPages: MiddlewareHandler = async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const header = (name: string) => c.req.header(name);
  if (isOwnRequest(header)) return next();
  return c.json(
    {
      error: 'This request came from another site.',
      next: `Scripts send the headers content-type: application/json and ${scriptHeader}: 1.`,
    },
    403,
  );
};

function isOwnRequest(header: (name: string) => string | undefined): boolean {
  const [site, origin] = [header('sec-fetch-site'), header('origin')];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin !== undefined) return hostOfUrl(origin) === header('host')?.toLowerCase();
  return header(scriptHeader) !== undefined && (header('content-type') ?? '').startsWith('application/json');
}

/** The name in a Host header, without its port. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}

function hostOfUrl(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
