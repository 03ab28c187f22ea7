import { asJson, asText, list, refuseMessage, refuseView } from './limits.ts';
import { clock, type Json, nextSerial, type State } from './state.ts';

/** A method of the Web API: what it does to the state and what it answers. */
type Method = (state: State, body: Json, origin: string) => Json;

export const methods: Readonly<Record<string, Method>> = {
  'auth.test': (state) =>
    ok({
      ...(state.enterprise === undefined ? {} : { enterprise_id: state.enterprise }),
      ...{ team_id: state.team, user_id: 'U0PROXNIX1', bot_id: 'B0PROXNIX1', team: 'homelab', user: 'proxnix' },
    }),

  'apps.connections.open': (state, _, origin) =>
    ok({ url: `${origin.replace('http', 'ws')}/link/?ticket=${nextSerial(state)}` }),

  'chat.postMessage': (state, body) => {
    const target = text(body, 'channel');
    const channel = /^[UW]/.test(target) ? `D${target.slice(1)}` : target;
    const refused = refuseChannel(state, channel) ?? refuseMessage(text(body, 'text'), list(body['blocks']), false);
    if (refused !== undefined) return no(refused);
    const thread = body['thread_ts'];
    if (thread !== undefined && !state.messages.some(({ ts }) => ts === thread)) return no('thread_not_found');
    const ts = `1795341360.${String(nextSerial(state)).padStart(6, '0')}`;
    const blocks = list(body['blocks']);
    const thread_ts = typeof thread === 'string' ? thread : undefined;
    state.messages.push({ channel, ts, thread_ts, text: text(body, 'text'), blocks, edits: 0 });
    return ok({ channel, ts, message: { ts, text: body['text'], blocks } });
  },

  'chat.update': (state, body) => {
    const message = state.messages.find(({ channel, ts }) => channel === body['channel'] && ts === body['ts']);
    if (message === undefined) return no('message_not_found');
    if (state.old.has(message.ts)) return no('edit_window_closed');
    const blocks = list(body['blocks']);
    const refused = refuseMessage(text(body, 'text'), blocks, true);
    if (refused !== undefined) return no(refused);
    const isRich = (block: Json): boolean => block['type'] === 'rich_text';
    if (message.blocks.some(isRich) && !blocks.some(isRich)) return no('block_mismatch');
    message.text = text(body, 'text');
    message.blocks = blocks;
    message.edits += 1;
    return ok({ channel: message.channel, ts: message.ts, text: message.text });
  },

  'chat.delete': (state, body) => {
    const at = state.messages.findIndex(({ channel, ts }) => channel === body['channel'] && ts === body['ts']);
    if (at < 0) return no('message_not_found');
    state.messages.splice(at, 1);
    return ok({ channel: body['channel'], ts: body['ts'] });
  },

  'chat.postEphemeral': (state, body) => {
    const channel = text(body, 'channel');
    const refused = refuseChannel(state, channel) ?? refuseMessage(text(body, 'text'), list(body['blocks']), false);
    if (refused !== undefined) return no(refused);
    const said = { text: text(body, 'text'), blocks: list(body['blocks']) };
    state.whispers.push({ user: text(body, 'user'), channel, ...said, by: 'chat.postEphemeral' });
    return ok({ message_ts: `1795341360.${nextSerial(state)}` });
  },

  'users.info': (state, body) => {
    const profile = state.people.get(text(body, 'user'));
    if (profile === undefined) return no('user_not_found');
    return ok({ user: { ...profile, real_name: profile.name, profile: { display_name: '' } } });
  },

  'usergroups.users.list': (state, body) => {
    const users = state.groups.get(text(body, 'usergroup'));
    return users === undefined ? no('no_such_subteam') : ok({ users });
  },

  'views.open': (state, body) => {
    const made = state.triggers.get(text(body, 'trigger_id'));
    if (made === undefined) return no('invalid_trigger_id');
    state.triggers.delete(text(body, 'trigger_id'));
    if (clock(state) - made > 3000) return no('expired_trigger_id');
    const view = asJson(body['view']) ?? {};
    const refused = refuseView(view);
    if (refused !== undefined) return no(refused);
    const opened = {
      id: `V${nextSerial(state)}`,
      callback_id: text(view, 'callback_id'),
      private_metadata: text(view, 'private_metadata'),
      title: { text: text(asJson(view['title']) ?? {}, 'text') },
      submit: { text: text(asJson(view['submit']) ?? {}, 'text') },
      blocks: list(view['blocks']),
    };
    state.views.push(opened);
    return ok({ view: { ...opened, hash: '1.a', state: { values: {} } } });
  },

  'files.getUploadURLExternal': (state, body, origin) => {
    if (text(body, 'filename') === '' || !(Number(body['length']) > 0)) return no('invalid_arguments');
    const file_id = `F${nextSerial(state)}`;
    state.uploads.set(file_id, { name: text(body, 'filename'), text: '' });
    return ok({ upload_url: `${origin}/upload/${file_id}`, file_id });
  },

  'files.completeUploadExternal': (state, body) => {
    const channel = text(body, 'channel_id');
    const refused = refuseChannel(state, channel);
    if (refused !== undefined) return no(refused);
    const thread_ts = body['thread_ts'] === undefined ? undefined : text(body, 'thread_ts');
    for (const { id, title } of list(body['files'])) {
      const upload = state.uploads.get(asText(id));
      if (upload === undefined) return no('file_not_found');
      state.files.push({ ...upload, title: asText(title), channel, thread_ts });
    }
    return ok({ files: list(body['files']) });
  },
};

function refuseChannel(state: State, channel: string): string | undefined {
  if (channel.startsWith('D')) return undefined;
  const isIn = state.channels.get(channel);
  if (isIn === undefined) return 'channel_not_found';
  return isIn ? undefined : 'not_in_channel';
}

function text(body: Json, key: string): string {
  return asText(body[key]);
}

function ok(facts: Json): Json {
  return { ok: true, ...facts };
}

function no(error: string): Json {
  return { ok: false, error };
}
