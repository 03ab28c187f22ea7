import type { FakeInteraction } from './fake-interaction.ts';
import { ids, snowflake } from './ids.ts';
import { channelPayload, messagePayload } from './payloads.ts';
import type { FakeRequest } from './request.ts';
import { commandProblems, messageProblems, modalProblems } from './validate.ts';
import type { World } from './world.ts';

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

type Json = Readonly<Record<string, unknown>>;
type Handler = (world: World, request: FakeRequest, params: readonly string[]) => Reply;

interface Route {
  /** The bucket's name: `PATCH /channels/:id/messages/:id`. */
  readonly name: string;
  readonly pattern: RegExp;
  /** The kind under which its bodies are recorded. */
  readonly kind?: string;
  /** Needs the bot's token. */
  readonly bot: boolean;
  readonly handle: Handler;
}

const ok = (body: unknown, status = 200): Reply => ({ status, body });
const error = (status: number, code: number, message: string): Reply => ({ status, body: { code, message } });
const invalid = (problems: readonly string[]): Reply => ({
  status: 400,
  body: { code: 50035, message: `Invalid Form Body\n${problems.join('\n')}`, errors: { _errors: problems } },
});

const table: readonly Route[] = [
  route('GET /gateway/bot', true, (world) =>
    ok({
      url: world.gatewayUrl,
      shards: 1,
      session_start_limit: { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 },
    }),
  ),
  route('PUT /applications/:id/guilds/:id/commands', true, putCommands, 'commands.guild'),
  route('POST /interactions/:id/:token/callback', false, callback, 'interaction.callback'),
  route('PATCH /webhooks/:id/:token/messages/@original', false, editOriginal, 'interaction.edit'),
  route('DELETE /webhooks/:id/:token/messages/@original', false, dropOriginal),
  route('POST /webhooks/:id/:token', false, followUp, 'interaction.followup'),
  route('GET /channels/:id', true, readChannel),
  route('POST /channels/:id/messages', true, createMessage, 'message.create'),
  route('PATCH /channels/:id/messages/:id', true, editMessage, 'message.edit'),
  route('DELETE /channels/:id/messages/:id', true, deleteMessage),
  route('POST /channels/:id/messages/:id/threads', true, createThread, 'thread.create'),
];

/** The route of a request, with what its path names. */
export function findRoute(request: FakeRequest): { route: Route; params: readonly string[] } | undefined {
  for (const one of table) {
    const match = one.pattern.exec(`${request.method} ${request.path}`);
    if (match !== null) return { route: one, params: match.slice(1) };
  }
  return undefined;
}

function route(name: string, bot: boolean, handle: Handler, kind?: string): Route {
  const pattern = new RegExp(`^${name.replaceAll(/:[a-z]+/g, '([^/]+)')}$`);
  return { name, pattern, bot, handle, ...(kind === undefined ? {} : { kind }) };
}

function putCommands(world: World, { body }: FakeRequest, [, guild = '']: readonly string[]): Reply {
  const problems = commandProblems(body);
  if (problems.length > 0) return invalid(problems);
  if (!world.guilds.has(guild)) return error(403, 50001, 'Missing Access');
  world.commands = body;
  world.registrations += 1;
  return ok((Array.isArray(body) ? body : []).map((command: Json) => ({ ...command, id: snowflake() })));
}

function callback(world: World, request: FakeRequest, [id = '']: readonly string[]): Reply {
  const interaction = world.interactions.get(id);
  const body = asJson(request.body);
  const data = asJson(body['data']);
  const type = Number(body['type']);
  if (interaction === undefined || interaction.expired || world.now() - interaction.at > 3000) {
    return error(404, 10062, 'Unknown interaction');
  }
  if (interaction.first !== undefined) return error(400, 40060, 'Interaction has already been acknowledged.');
  const problems =
    type === 9 ? modalProblems(data) : type === 4 ? messageProblems(data, { where: 'reply', files: [] }) : [];
  if (type === 8 && (!Array.isArray(data['choices']) || data['choices'].length > 25))
    problems.push('choices: more than 25');
  if (problems.length > 0) return invalid(problems);
  interaction.first = { type, data };
  return { status: 204 };
}

function editOriginal(world: World, request: FakeRequest, [, token = '']: readonly string[]): Reply {
  return withToken(world, token, (interaction) => {
    const body = asJson(request.body);
    const problems = messageProblems(body, { where: 'edit', files: [...request.files.keys()] });
    if (problems.length > 0) return invalid(problems);
    interaction.original = body;
    return ok(messagePayload(snowflake(), ids.channel, body));
  });
}

function dropOriginal(world: World, _: FakeRequest, [, token = '']: readonly string[]): Reply {
  return withToken(world, token, (interaction) => {
    interaction.dropped = true;
    return { status: 204 };
  });
}

function followUp(world: World, request: FakeRequest, [, token = '']: readonly string[]): Reply {
  return withToken(world, token, (interaction) => {
    const body = asJson(request.body);
    const problems = messageProblems(body, { where: 'followup', files: [...request.files.keys()] });
    if (problems.length > 0) return invalid(problems);
    interaction.followUps.push({ body, files: request.files });
    return ok(messagePayload(snowflake(), ids.channel, body));
  });
}

function withToken(world: World, token: string, work: (interaction: FakeInteraction) => Reply): Reply {
  const interaction = [...world.interactions.values()].find((one) => one.token === token);
  if (interaction?.first === undefined) return error(404, 10015, 'Unknown Webhook');
  if (world.now() - interaction.at > 15 * 60_000) return error(401, 50027, 'Invalid Webhook Token');
  return work(interaction);
}

function readChannel(world: World, _: FakeRequest, [id = '']: readonly string[]): Reply {
  const guild = world.channelGuilds.get(id);
  return guild === undefined ? error(404, 10003, 'Unknown Channel') : ok(channelPayload(id, guild));
}

function createMessage(world: World, request: FakeRequest, [channel = '']: readonly string[]): Reply {
  const body = asJson(request.body);
  if (world.closed.has(channel)) return error(403, 50013, 'Missing Permissions');
  if (!world.channelGuilds.has(channel) && !world.threads.has(channel)) return error(404, 10003, 'Unknown Channel');
  const problems = messageProblems(body, { where: 'create', files: [...request.files.keys()] });
  if (problems.length > 0) return invalid(problems);
  const nonce = body['enforce_nonce'] === true ? String(body['nonce']) : undefined;
  const same = world.messages.find((message) => nonce !== undefined && message.nonce === nonce);
  if (same !== undefined) return ok(messagePayload(same.id, same.channel, same.body));
  const id = snowflake();
  world.messages.push({ id, channel, body, files: request.files, edits: 0, deleted: false, nonce });
  return ok(messagePayload(id, channel, body));
}

function editMessage(world: World, request: FakeRequest, [channel = '', id = '']: readonly string[]): Reply {
  const message = world.messages.find((one) => one.id === id && one.channel === channel && !one.deleted);
  if (message === undefined) return error(404, 10008, 'Unknown Message');
  if (world.old.has(id)) {
    return error(429, 30046, 'Maximum number of edits to messages older than 1 hour reached. Try again later');
  }
  const body = asJson(request.body);
  const problems = messageProblems(body, { where: 'edit', files: [...request.files.keys()] });
  if (problems.length > 0) return invalid(problems);
  message.body = { ...message.body, ...body };
  message.edits += 1;
  return ok(messagePayload(id, channel, message.body));
}

function deleteMessage(world: World, _: FakeRequest, [channel = '', id = '']: readonly string[]): Reply {
  const message = world.messages.find((one) => one.id === id && one.channel === channel && !one.deleted);
  if (message === undefined) return error(404, 10008, 'Unknown Message');
  message.deleted = true;
  return { status: 204 };
}

function createThread(world: World, request: FakeRequest, [channel = '', id = '']: readonly string[]): Reply {
  const message = world.messages.find((one) => one.id === id && one.channel === channel && !one.deleted);
  if (message === undefined) return error(404, 10008, 'Unknown Message');
  if (world.threads.has(id)) return error(400, 160004, 'A thread has already been created for this message');
  const { name } = asJson(request.body);
  if (typeof name !== 'string' || name.length < 1 || name.length > 100)
    return invalid(['name: must be 1 to 100 characters']);
  world.threads.set(id, name);
  return ok({ ...channelPayload(id, ids.guild, 11), parent_id: channel, name }, 201);
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
