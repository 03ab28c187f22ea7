import type { App, RespondFn } from '@slack/bolt';
import { LRUCache } from 'lru-cache';
import type { Log } from '../../log.ts';
import type { Answer, ChatHandlers, Person, Place } from '../chat.ts';
import { readCommandLine } from '../command-line.ts';
import type { Answers, Asker } from './answers.ts';
import { readButton } from './card.ts';
import { readFormPlace } from './form.ts';
import type { DuplicatePosts } from './messages.ts';
import { pause } from './pause.ts';
import { CommandPayload, FormPayload, formValues, PressPayload } from './payloads.ts';
import { type Installed, type People, type Sender, workspaceOf } from './people.ts';
import { unescapeText } from './text.ts';

/** The collaborators of the listeners. */
export interface ListenerOptions {
  readonly handlers: ChatHandlers;
  /** `/proxnix`. */
  readonly command: string;
  readonly installed: Installed;
  readonly people: People;
  readonly answers: Answers;
  readonly duplicates: DuplicatePosts;
  readonly log: Log;
  /** Work that `stop` waits for. */
  readonly track: (work: Promise<void>) => Promise<void>;
}

/** Milliseconds that a form waits for its answer; Slack allows three seconds from the click. */
const formPatience = 2200;

/** Passes on every delivery of Slack once: Slack may repeat an envelope, and Bolt 5 does not detect that. */
export function listen(app: App, options: ListenerOptions): void {
  const { log, track } = options;
  const recent = new LRUCache<string, true>({ max: 2000 });
  const isFirst = (envelope: unknown, trigger = ''): boolean => {
    const keys = [envelope, trigger].flatMap((id) => (typeof id === 'string' && id !== '' ? [id] : []));
    const isKnown = keys.some((key) => recent.has(key));
    for (const key of keys) recent.set(key, true);
    return !isKnown;
  };

  app.command(options.command, async ({ ack, body, context, respond }) => {
    await ack();
    const payload = CommandPayload.safeParse(body);
    if (payload.error) {
      log.warn({ err: payload.error }, 'a command of Slack cannot be read');
      await track(options.answers.give({ user: body.user_id, channel: body.channel_id, respond }, unreadable));
    } else if (isFirst(context['envelopeId'], payload.data.trigger_id))
      await track(onCommand(payload.data, respond, options));
  });

  app.action({ type: 'block_actions', action_id: /^px1:/ }, async ({ ack, body, context, respond }) => {
    await ack();
    const payload = PressPayload.safeParse(body);
    if (payload.error) {
      log.warn({ err: payload.error }, 'a press of Slack cannot be read');
      const channel = body.channel?.id ?? '';
      await track(options.answers.give({ user: body.user.id, channel, respond }, unreadable));
    } else if (isFirst(context['envelopeId'], payload.data.trigger_id))
      await track(onPress(payload.data, respond, options));
  });

  app.view({ type: 'view_submission', callback_id: 'px1:form' }, async ({ ack, body, context }) => {
    const payload = FormPayload.safeParse(body);
    if (payload.error) log.warn({ err: payload.error }, 'a form of Slack cannot be read');
    if (payload.error || !isFirst(context['envelopeId'], payload.data.trigger_id)) return await ack();
    await track(
      onForm(payload.data, options, async (errors) => {
        await (errors === undefined ? ack() : ack({ response_action: 'errors', errors: { ...errors } }));
      }),
    );
  });
}

/** Whoever typed or pressed gets an answer in every case. */
const unreadable: Answer = {
  kind: 'note',
  text: 'proxnix cannot read what Slack sent, so nothing was done. The log of the bot names the field.',
};

async function onCommand(payload: CommandPayload, respond: RespondFn, options: ListenerOptions): Promise<void> {
  const { handlers, answers, installed } = options;
  const { user_id: user, channel_id: channel, trigger_id: trigger } = payload;
  const asker: Asker = { user, channel, trigger, respond };
  const line = readCommandLine(unescapeText(payload.text), handlers.commands);
  if (line.kind === 'note') return await answers.give(asker, line);
  const { team_id, enterprise_id: enterprise } = payload;
  const place = { workspace: workspaceOf({ team: team_id ?? undefined, enterprise }, installed), channel };
  const answer = await asPerson({ id: user, name: payload.user_name }, options, (person) =>
    handlers.command({ name: line.name, args: line.args, person, place }),
  );
  await answers.give(asker, answer);
}

async function onPress(payload: PressPayload, respond: RespondFn, options: ListenerOptions): Promise<void> {
  const { handlers, answers, duplicates, installed, log } = options;
  const { container } = payload;
  const [{ action_id, value }] = payload.actions;
  const channel = payload.channel?.id ?? container.channel_id;
  const button = readButton(action_id, value);
  if (button === undefined || channel === undefined) {
    log.warn({ action: action_id.slice(0, 100), user: payload.user.id }, 'a press of an unknown button was ignored');
    return;
  }
  const ts = container.is_ephemeral ? undefined : container.message_ts;
  if (ts !== undefined && container.thread_ts === undefined)
    duplicates.pressed(button.runId, { channel, ts, files: [] });
  const place: Place = { workspace: workspaceOf(requestOf(payload), installed), channel };
  const answer = await asPerson(senderOf(payload), options, (person) => handlers.press({ ...button, person, place }));
  const { trigger_id: trigger } = payload;
  await answers.give({ user: payload.user.id, channel, ts, thread: container.thread_ts, trigger, respond }, answer);
}

/** @param ack closes the form, or keeps it open with errors by field */
async function onForm(
  payload: FormPayload,
  options: ListenerOptions,
  ack: (errors?: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const { handlers, answers, installed, log } = options;
  const place = readFormPlace(payload.view.private_metadata);
  if (place === undefined) {
    log.warn({ user: payload.user.id }, 'an unknown form was ignored');
    return await ack();
  }
  const values = formValues(payload);
  const { formId, channel, ts } = place;
  const workspace = workspaceOf(requestOf(payload), installed);
  const answering = asPerson(senderOf(payload), options, (person) =>
    handlers.submit({ formId, values, person, place: { workspace, channel } }),
  );
  const inTime = new AbortController();
  const early = await Promise.race([answering, pause(formPatience, inTime.signal)]);
  inTime.abort();
  if (early !== undefined && early.kind === 'invalid') {
    const field = early.field in values ? early.field : (Object.keys(values)[0] ?? early.field);
    return await ack({ [field]: early.text.slice(0, 2000) });
  }
  await ack();
  await answers.give({ user: payload.user.id, channel, ts }, await answering);
}

/** Lets `act` answer a full member of the workspace; anybody else is refused. */
async function asPerson(
  sender: Sender,
  { people, log }: ListenerOptions,
  act: (person: Person) => Promise<Answer>,
): Promise<Answer> {
  const identified = await people.identify(sender);
  if (identified.kind === 'refused') return { kind: 'note', text: identified.text, code: 'not-an-approver' };
  try {
    const answer = await act(identified.person);
    if (answer.kind !== 'note' || identified.doubt === undefined) return answer;
    if (answer.code !== 'not-an-approver' && answer.code !== 'not-a-viewer') return answer;
    return { ...answer, text: `${answer.text} ${identified.doubt}` };
  } catch (error) {
    log.error({ err: error, user: sender.id }, 'a handler failed');
    return { kind: 'note', text: 'An unexpected error inside proxnix. The log of the bot has the whole story.' };
  }
}

function senderOf(payload: PressPayload | FormPayload): Sender {
  const { user } = payload;
  const { enterprise } = requestOf(payload);
  return { id: user.id, name: user.name ?? user.username ?? '', team: user.team_id, enterprise };
}

/** The workspace and the grid that a payload names. */
function requestOf({ team, enterprise }: PressPayload | FormPayload): Pick<Sender, 'team' | 'enterprise'> {
  return { team: team?.id, enterprise: enterprise?.id ?? team?.enterprise_id };
}
