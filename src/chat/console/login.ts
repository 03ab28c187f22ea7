import { createHmac } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { html } from 'hono/html';
import type { Logger } from 'pino';
import { isLoopback } from '../../lib/addresses.ts';
import { Secret } from '../../secret.ts';

/** What the log-in works with. */
export interface LoginOptions {
  readonly token: Secret;
  /** The path of the token's file, as the log-in page shows it; absent when the token was configured. */
  readonly tokenFile?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

/** The log-in as routes and a guard. */
export interface Login {
  /** Lets nobody on without the token or a session of it: the page `/` leads to the log-in, all else is 401. */
  readonly guard: MiddlewareHandler;
  /** The pages to log in and out. */
  readonly routes: Hono;
}

const days30 = 30 * 24 * 3600;

/**
 * Log-in with the console's token: as `?token=` in the address of the page (what the bot prints at its start), in the
 * form at `/login`, or as `Authorization: Bearer` with each request of a script. A browser gets a session for it. The
 * right token is taken however many wrong ones came before: behind a proxy all clients have one address, and what makes
 * guessing hopeless is the length of the token.
 */
export function login(options: LoginOptions): Login {
  const { token, tokenFile, now } = options;
  const wrongToken = reporter(options);
  const page = (problem?: string) => loginPage({ tokenFile, problem });

  const guard: MiddlewareHandler = async (c, next) => {
    const { path } = c.req;
    const linked = path === '/' ? c.req.query('token') : undefined;
    if (linked !== undefined) return followLink(c, linked);
    const bearer = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined && !token.isSame(bearer)) wrongToken();
    if (bearer === undefined ? await mayGoOn(c, token, now()) : token.isSame(bearer)) return next();
    if (isLoginAsset(path)) return next();
    if (path !== '/' || bearer !== undefined) return refused(c);
    return cameFromElsewhere(c) ? c.html(onwardPage()) : c.redirect('/login', 303);
  };

  /** Takes the token out of the address, so that it stays in no history, bookmark or screenshot. */
  const followLink = async (c: Context, given: string): Promise<Response> => {
    if (token.isSame(given)) return begin(c, token, now());
    wrongToken();
    // The link of an earlier token in a browser that is logged in by now.
    if (cameFromElsewhere(c) || (await sessionEnd(c, token, now())) !== undefined) return c.redirect('/', 303);
    return c.html(page('The token in this address is not the right one.'), 401);
  };

  const routes = new Hono();
  routes.get('/login', (c) => c.html(page()));
  routes.post('/login', bodyLimit({ maxSize: 4096 }), async (c) => {
    const { token: given } = await c.req.parseBody();
    if (typeof given !== 'string' || !token.isSame(given.trim())) {
      wrongToken();
      return c.html(page('This is not the token.'), 401);
    }
    return begin(c, token, now());
  });
  routes.post('/logout', (c) => {
    deleteCookie(c, cookieOf(c));
    return c.redirect('/login', 303);
  });
  return { guard: uncached(guard), routes };
}

/** What the guard itself answers is for this request alone. */
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
 * Did a link on another site lead here? Then the browser holds the session back (SameSite=Strict), also over redirects,
 * and sends it with the next request, which a page of ours asks for.
 */
function cameFromElsewhere(c: Context): boolean {
  return c.req.header('sec-fetch-site') === 'cross-site';
}

/**
 * Browsers share cookies among all ports of a host, so the port that the browser sees is in the name: two bots on one
 * machine do not log each other out.
 */
function cookieOf(c: Context): string {
  const port = /:(\d{1,5})$/.exec(c.req.header('host') ?? '')?.[1];
  return port === undefined ? 'proxnix_console' : `proxnix_console_${port}`;
}

/**
 * A session is its end, signed with the token: it outlives a restart and ends when the token changes. The key to act goes
 * along behind a `#`, which a browser sends nowhere; the page keeps it where no other port of this host can read it.
 */
async function begin(c: Context, token: Secret, now: number): Promise<Response> {
  const end = String(now + days30 * 1000);
  await setSignedCookie(c, cookieOf(c), end, token.reveal(), {
    httpOnly: true,
    sameSite: 'Strict',
    maxAge: days30,
    secure: c.req.header('x-forwarded-proto') === 'https',
  });
  return c.redirect(`/#${actKey(token, end).reveal()}`, 303);
}

/**
 * To read, the session is enough. To act, the page sends its key as well: a browser hands the cookie to every port of
 * this host, so a program that listens on another one may get hold of it.
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

/** Wrong tokens are worth a line in the log, and a flood of them one a minute. */
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

/** Is it a file that the log-in itself is drawn with? Every other one is for those who are logged in. */
export function isLoginAsset(path: string): boolean {
  return assets.some((name) => path === `/console/${name}`);
}

/** The page that asks for the token; it works without script. `problem` is said above the field. */
export function loginPage({ tokenFile, problem }: { tokenFile: string | undefined; problem: string | undefined }) {
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

/** Leads to the console from a page of the console itself, which sends the session along. Keeps the key of a log-in. */
export function onwardPage() {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>proxnix</title>
    <script type="module" src="/console/onward.js"></script>
    <noscript><meta http-equiv="refresh" content="0; url=/" /></noscript>
  </head>
  <body>
    <a href="/">Go on to the console</a>
  </body>
</html> `;
}

/** The header that scripts send with a POST: a page of another site cannot add it without being asked first. */
export const scriptHeader = 'x-proxnix';

/** The header in which the page sends its key to act, which it got at the log-in. */
export const actHeader = 'x-proxnix-session';

/**
 * The Host header must be a loopback name or a configured one, or DNS rebinding would make another site this one. A
 * second lock: such a site has no session, because a browser keeps cookies by name.
 */
export function onlyOwnNames(names: readonly string[]): MiddlewareHandler {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return async (c, next) => {
    const host = hostName(c.req.header('host') ?? '');
    if (host !== undefined && (isLoopback(host) || known.has(host))) return next();
    return c.json(
      {
        error: 'The console is not known under this name.',
        next: 'Open it as localhost, or name it in CONSOLE_HOSTS (which needs CONSOLE_TOKEN).',
      },
      421,
    );
  };
}

/** Refuses a POST that a page of another site could have sent in its reader's name. */
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
