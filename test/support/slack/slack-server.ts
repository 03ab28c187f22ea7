import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { asText, list, refuseMessage } from './limits.ts';
import { methods } from './methods.ts';
import { readCall, readText, readUpload } from './requests.ts';
import { Sockets } from './sockets.ts';
import { clock, type Json, type Mishap, newState, type State } from './state.ts';

export const botToken = 'xoxb-local-token-1';
export const appToken = 'xapp-local-token-1';

/** Slack on 127.0.0.1: enough of its Web API and of Socket Mode for the real libraries to run unmodified. */
export class SlackServer {
  readonly state: State = newState();
  readonly sockets = new Sockets();
  #server: Server | undefined;
  #port = 0;

  /** Begins to listen; after `down` on the same port again. */
  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.sockets.attach(server);
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Cuts everything and listens no more. */
  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.sockets.cut();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** Ends for good. `PROXNIX_SLACK_BODIES` names a file that takes every recorded body as a JSON line. */
  async stop(): Promise<void> {
    this.sockets.close();
    await this.down();
    const path = process.env['PROXNIX_SLACK_BODIES'];
    if (path !== undefined)
      appendFileSync(path, this.state.recorded.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get apiUrl(): string {
    return `${this.origin}/api/`;
  }

  /** What goes wrong with the next calls of a method, one after the other. */
  mishap(method: string, ...mishaps: readonly Mishap[]): void {
    this.state.mishaps.set(method, [...(this.state.mishaps.get(method) ?? []), ...mishaps]);
  }

  calls(method: string): readonly Json[] {
    return this.state.calls.filter((call) => call.method === method).map(({ body }) => body);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, room = '', name = ''] = new URL(request.url ?? '/', this.origin).pathname.split('/');
    if (room === 'upload') return await this.#takeUpload(request, response, name);
    if (room === 'respond') return await this.#takeResponse(request, response, name);
    const body = await readCall(request);
    const token = String(request.headers['authorization'] ?? '').replace('Bearer ', '');
    this.state.calls.push({ method: name, token, body });
    if (recordedKinds.has(name)) this.state.recorded.push({ kind: name, body });
    const mishap = this.state.mishaps.get(name)?.shift();
    if (mishap !== undefined && 'lost' in mishap && mishap.lost === 'request') return void request.socket.destroy();
    if (mishap !== undefined && 'waitFor' in mishap) await mishap.waitFor;
    if (mishap !== undefined && 'status' in mishap) return send(response, mishap.status, {});
    if (mishap !== undefined && 'retryAfter' in mishap) {
      response.setHeader('retry-after', mishap.retryAfter);
      return send(response, 429, { ok: false, error: 'ratelimited' });
    }
    if (mishap !== undefined && 'error' in mishap && mishap.after !== undefined)
      response.setHeader('retry-after', mishap.after);
    if (mishap !== undefined && 'error' in mishap) return send(response, 200, { ok: false, error: mishap.error });
    const answer = this.#call(name, token, body);
    if (mishap !== undefined && 'lost' in mishap) return void request.socket.destroy();
    send(response, 200, answer);
  }

  #call(name: string, token: string, body: Json): Json {
    const method = methods[name];
    if (method === undefined) return { ok: false, error: 'unknown_method' };
    if (token === '') return { ok: false, error: 'not_authed' };
    if (token !== (name === 'apps.connections.open' ? appToken : botToken)) return { ok: false, error: 'invalid_auth' };
    return method(this.state, body, this.origin);
  }

  async #takeUpload(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const upload = this.state.uploads.get(id);
    const text = await readUpload(request);
    if (upload === undefined) return send(response, 404, {});
    upload.text = text;
    response.end(`OK - ${text.length}`);
  }

  /** Five uses in thirty minutes. */
  async #takeResponse(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const body: Json = JSON.parse(await readText(request));
    this.state.recorded.push({ kind: 'response_url', body });
    const use = this.state.responses.get(id);
    if (use === undefined || use.left === 0 || clock(this.state) > use.until) return send(response, 404, { ok: false });
    use.left -= 1;
    const blocks = list(body['blocks']);
    const text = asText(body['text']);
    const refused = refuseMessage(text, blocks, false);
    if (refused !== undefined) return send(response, 400, { ok: false, error: refused });
    this.state.whispers.push({ user: use.user, channel: use.channel, text, blocks, by: 'response_url' });
    response.end('ok');
  }
}

/** A server that listens, with the people and groups of the tests. */
export async function startSlack(): Promise<SlackServer> {
  const slack = new SlackServer();
  const { people, groups, team } = slack.state;
  for (const [id, name] of [
    ['U0ALICE001', 'alice'],
    ['U0BOB00001', 'bob'],
  ] as const)
    people.set(id, { id, name, team_id: team });
  people.set('U0GUEST001', { id: 'U0GUEST001', name: 'gil', team_id: team, is_restricted: true });
  people.set('U0OTHER001', { id: 'U0OTHER001', name: 'olga', team_id: 'T0OTHER001', is_stranger: true });
  people.set('U0ROBOT001', { id: 'U0ROBOT001', name: 'robot', team_id: team, is_bot: true });
  groups.set('S0DEPLOY01', ['U0ALICE001']);
  await slack.up();
  return slack;
}

/** Waits until `look` finds something: for what happens over sockets. Gives up after ten seconds. */
export async function eventually<T>(look: () => T | undefined | false): Promise<T> {
  for (const end = performance.now() + 10_000; performance.now() < end; await sleep(5)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`it did not happen: ${look.toString()}`);
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const recordedKinds: ReadonlySet<string> = new Set([
  'chat.postMessage',
  'chat.update',
  'chat.postEphemeral',
  'views.open',
  'views.update',
]);
