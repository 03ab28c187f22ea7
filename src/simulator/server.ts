import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { authenticate } from './access.ts';
import { parseBody, parseForm, readBody } from './body.ts';
import { type Call, demandRight, type Reply, ReplyWith } from './call.ts';
import { ApiError, failure, notImplemented, textOf } from './errors.ts';
import { guestName } from './guest-status.ts';
import { checkParameters } from './parameters/check.ts';
import { rulesOf } from './parameters/table.ts';
import { createRouter, fillIn, type Match } from './router.ts';
import { routes } from './routes.ts';
import { serveUpload, UPLOAD } from './upload.ts';
import { unreachable, type World } from './world.ts';

/** What the HTTP server needs: the present cluster, and a listener for requests. */
export interface Serving {
  readonly world: () => World;
  readonly latencyMs: number;
  /** Milliseconds a 401 is held back; the real server takes three seconds. */
  readonly refusalDelayMs: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Serves paths outside /api2, or answers false. */
  readonly beside: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>;
  readonly onAnswer: (what: { method: string; path: string; status: number; ms: number }) => void;
}

const match = createRouter(routes);

/** The HTTP server, not yet listening. Idle connections end after five seconds, as those of the real one do. */
export function createApiServer(serving: Serving): Server {
  const listener: RequestListener = (request, response) => {
    const started = performance.now();
    const path = request.url ?? '';
    response.once('close', () => {
      const ms = performance.now() - started;
      serving.onAnswer({ method: request.method ?? '', path, status: response.statusCode, ms });
    });
    void answer(serving, request, response);
  };
  const server =
    serving.tls === undefined ? createServer(listener) : (createTlsServer({ ...serving.tls }, listener) as Server);
  server.keepAliveTimeout = 5000;
  server.requestTimeout = 0;
  return server;
}

async function answer(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const world = serving.world();
  try {
    if (await serving.beside(request, response, path)) return;
    if (serving.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, serving.latencyMs));
    world.statistics.look(world.guests(), guestName);
    await serve(world, request, response, path.replace(/^\/+api2\/+json/, ''), query);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401 && serving.refusalDelayMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, serving.refusalDelayMs));
    }
    refuse(request, response, error);
  }
}

async function serve(world: World, request: IncomingMessage, response: ServerResponse, path: string, query: string) {
  const method = request.method ?? '';
  if (!['GET', 'POST', 'PUT', 'DELETE'].includes(method)) {
    throw new ApiError(501, `method '${method}' not available`, { body: 'none' });
  }
  if (request.headers['transfer-encoding'] !== undefined) {
    throw new ApiError(501, 'chunked transfer encoding not supported', { body: 'none' });
  }
  if (world.troubles.configurationDown) {
    const text = 'RPCEnvironment init request failed: Unable to load access control list: Connection refused';
    throw new ApiError(500, text, { body: 'none' });
  }
  const now = world.clock.now() / 1000;
  const caller = authenticate(request.headers.authorization, world.seed.tokens, world.version, now);
  const found = match(method, path);
  if (found === undefined) throw notImplemented(method, path);
  const isUpload = found.route.pattern === UPLOAD;
  const fromQuery = parseForm(query);
  // The right is checked before the body is read, so a client with a large body sees a closed connection.
  const early: Call = {
    world: world.on(found.fromPath.get('node') ?? world.localNode),
    ...{ caller, method, path, given: new Map([...fromQuery, ...found.fromPath]) },
  };
  try {
    permit(early, found);
  } catch (error) {
    if (isUpload && error instanceof ApiError) throw new ApiError(error.status, error.message, { body: 'none' });
    throw error;
  }
  reach(early, found);
  if (isUpload) return writeData(response, await serveUpload(early, request), true);
  const body = method === 'GET' || method === 'DELETE' ? new Map() : await fromBody(request);
  const given = new Map([...body, ...early.given]);
  const rules = rulesOf(`${method} ${found.route.pattern}`, world.version.table);
  if (rules !== undefined) checkParameters(rules, withoutNode(given, found), world.version);
  writeData(response, await found.route.handler({ ...early, given }));
}

async function fromBody(request: IncomingMessage): Promise<Map<string, string>> {
  return parseBody(await readBody(request), request.headers['content-type'] ?? '');
}

function permit(call: Call, found: Match): void {
  const { permission } = found.route;
  if (permission === undefined) return;
  if (typeof permission === 'function') permission(call);
  else demandRight(call, fillIn(permission.path, call.given), permission.need);
}

/** Calls go to the node they name, and those that change something to its worker daemon. */
function reach(call: Call, found: Match): void {
  const { seed, troubles } = call.world;
  const name = found.fromPath.get('node');
  const node = seed.nodes.find((one) => one.node === name);
  if (name !== undefined && node === undefined) {
    const text = `failed to get address info for: ${name}: Name or service not known`;
    throw failure(`hostname lookup '${name}' failed - ${text}`);
  }
  const problem = name === undefined ? undefined : call.world.unreachable(name);
  if (problem !== undefined) throw unreachable(problem);
  const needsWorker = call.method !== 'GET' || found.route.pattern.includes('/agent/');
  if (troubles.workerDaemonDown && needsWorker) throw unreachable('Connection refused');
}

/** The node is a parameter too, but its form was checked by looking it up. */
function withoutNode(given: ReadonlyMap<string, string>, found: Match): ReadonlyMap<string, string> {
  const rest = new Map(given);
  if (found.fromPath.has('node')) rest.delete('node');
  return rest;
}

/** While a large body is still on its way a refusal reaches the client only as a reset connection (9.2.11, 8.4.1). */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const left = Number(request.headers['content-length'] ?? 0);
  if (!request.complete && left > 64 * 1024) {
    request.destroy();
    return;
  }
  request.resume();
  if (!response.headersSent && !response.destroyed) writeError(response, error);
}

const JSON_TYPE = 'application/json;charset=UTF-8';

/** Writes a 200 with `data`, and `total` where a list has one. */
export function writeData(response: ServerResponse, value: unknown, closes = false): void {
  const reply: Reply = value instanceof ReplyWith ? value.reply : { data: value ?? null };
  // The total is left out when it is 0, as Perl takes that for nothing.
  const body = reply.total ? { data: reply.data, total: reply.total } : { data: reply.data };
  response.statusCode = 200;
  response.statusMessage = 'OK';
  end(response, JSON.stringify(body), JSON_TYPE, closes);
}

/** Writes an error: the reason is the first line of the message, and the connection ends after it. */
export function writeError(response: ServerResponse, error: unknown): void {
  const known = error instanceof ApiError ? error : new ApiError(500, `simulator: ${textOf(error)}`);
  response.statusCode = known.status;
  // A reason phrase holds one line of latin1; everything else would end the process.
  response.statusMessage = (known.message.split('\n')[0] ?? '').replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
  if (known.body === 'none') {
    end(response, '', undefined, true);
    return;
  }
  if (known.body === 'text') {
    end(response, `${known.message}\n`, undefined, true);
    return;
  }
  const message = known.status === 501 ? known.message : `${known.message}\n`;
  const errors = known.errors === undefined ? {} : { errors: known.errors };
  end(response, JSON.stringify({ data: null, message, ...errors }), JSON_TYPE, true);
}

/** After so many requests the daemon closes a connection (9.2.11). */
const REQUESTS_PER_CONNECTION = 100;
const served = new WeakMap<object, number>();

function end(response: ServerResponse, body: string, type: string | undefined, closes: boolean): void {
  const bytes = Buffer.from(body);
  response.setHeader('Cache-Control', 'max-age=0');
  response.setHeader('Server', 'pve-api-daemon/3.0');
  response.setHeader('Content-Length', bytes.length);
  if (type !== undefined) response.setHeader('Content-Type', type);
  const count = (served.get(response.req.socket) ?? 0) + 1;
  served.set(response.req.socket, count);
  response.setHeader('Connection', closes || count >= REQUESTS_PER_CONNECTION ? 'close' : 'Keep-Alive');
  response.end(bytes);
}
