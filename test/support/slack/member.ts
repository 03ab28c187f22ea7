import { createHmac } from 'node:crypto';
import { list } from './limits.ts';
import type { SlackServer } from './slack-server.ts';
import type { Ack } from './sockets.ts';
import { clock, type Json, nextSerial, type Posted, type View } from './state.ts';

/** What the platform did with something a person typed or pressed. */
export interface Delivered {
  /** `undefined` when no socket was there: the person sees an error. */
  readonly ack: Promise<Ack> | undefined;
  readonly envelope: string | undefined;
}

export interface MemberOptions {
  readonly channel?: string;
  /** The workspace that the payload claims for the person. */
  readonly team?: string;
  /** `team` and `enterprise` of a payload; in a grid either may be null. */
  readonly grid?: { readonly team: Json | null; readonly enterprise: Json | null };
  /** HTTP mode: where requests go, and what they are signed with. */
  readonly http?: { readonly url: string; readonly secret: string };
}

/** A person with Slack's client in hand. */
export class Member {
  readonly id: string;
  readonly #slack: SlackServer;
  readonly #options: MemberOptions;

  constructor(slack: SlackServer, id: string, options: MemberOptions = {}) {
    this.#slack = slack;
    this.id = id;
    this.#options = options;
  }

  /** Types `/proxnix TEXT`; the text arrives escaped, as `should_escape` has it. */
  type(text: string): Promise<Delivered> {
    const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    return this.#send('slash_commands', {
      command: '/proxnix',
      text: escaped,
      user_id: this.id,
      user_name: 'somebody',
      channel_id: this.#channel(),
      team_id: this.#slack.state.team,
      api_app_id: 'A1',
      is_enterprise_install: 'false',
      ...this.#ways(),
    });
  }

  /** Presses a button of a message. */
  press(message: Posted, actionId: string): Promise<Delivered> {
    const buttons = message.blocks.flatMap((block) => (block['type'] === 'actions' ? list(block['elements']) : []));
    const button = buttons.find(({ action_id }) => action_id === actionId);
    if (button === undefined) throw new Error(`there is no button ${actionId}`);
    return this.pressRaw(message, { action_id: actionId, value: button['value'] });
  }

  /** Sends a press with any ids, as an attacker with a client of his own would. */
  pressRaw(message: Pick<Posted, 'channel' | 'ts' | 'thread_ts'>, action: Json): Promise<Delivered> {
    const { channel, ts, thread_ts } = message;
    return this.#send('interactive', {
      type: 'block_actions',
      user: this.#user(),
      ...this.#workspace(),
      api_app_id: 'A1',
      channel: { id: channel, name: 'deploy' },
      container: {
        type: 'message',
        message_ts: ts,
        channel_id: channel,
        is_ephemeral: false,
        ...(thread_ts === undefined ? {} : { thread_ts }),
      },
      message: { ts },
      actions: [{ type: 'button', block_id: 'b', action_ts: '1.1', ...action }],
      ...this.#ways(),
    });
  }

  /** Fills in a modal and sends it. */
  submit(view: View, values: Readonly<Record<string, string>>): Promise<Delivered> {
    const { trigger_id } = this.#ways();
    const filled = Object.entries(values).map(([name, value]) => [
      name,
      { [name]: { type: 'plain_text_input', value } },
    ]);
    return this.#send('interactive', {
      type: 'view_submission',
      user: this.#user(),
      ...this.#workspace(),
      api_app_id: 'A1',
      trigger_id,
      view: { ...view, type: 'modal', state: { values: Object.fromEntries(filled) } },
      response_urls: [],
    });
  }

  #workspace(): Json {
    return { ...(this.#options.grid ?? { team: { id: this.#slack.state.team } }) };
  }

  #user(): Json {
    return {
      id: this.id,
      username: 'somebody',
      name: 'somebody',
      team_id: this.#options.team ?? this.#slack.state.team,
    };
  }

  #channel(): string {
    return this.#options.channel ?? 'C0DEPLOY01';
  }

  #ways(): { readonly trigger_id: string; readonly response_url: string } {
    const { state, origin } = this.#slack;
    const id = String(nextSerial(state));
    const trigger_id = `8421.${id}.4f0c`;
    state.triggers.set(trigger_id, clock(state));
    state.responses.set(id, { left: 5, until: clock(state) + 1_800_000, user: this.id, channel: this.#channel() });
    return { trigger_id, response_url: `${origin}/respond/${id}` };
  }

  async #send(type: string, payload: Json): Promise<Delivered> {
    const { http } = this.#options;
    if (http === undefined) {
      const delivered = this.#slack.sockets.deliver(type, payload);
      if (payload['type'] === 'view_submission') void delivered?.ack.then((ack) => this.#record(ack));
      return { ack: delivered?.ack, envelope: delivered?.envelope };
    }
    const form = type === 'slash_commands' ? payload : { payload: JSON.stringify(payload) };
    const body = new URLSearchParams();
    for (const [key, value] of Object.entries(form)) body.set(key, String(value));
    const sent = performance.now();
    const response = await fetch(http.url, {
      method: 'POST',
      body: body.toString(),
      headers: signed(body.toString(), http.secret),
    });
    const text = await response.text();
    const ack = {
      ms: performance.now() - sent,
      payload: { status: response.status, ...(text.startsWith('{') ? JSON.parse(text) : {}) },
    };
    return { ack: Promise.resolve(ack), envelope: undefined };
  }

  #record({ payload }: Ack): void {
    if (payload['response_action'] !== undefined) this.#slack.state.recorded.push({ kind: 'view.ack', body: payload });
  }
}

/** Headers of a request as Slack signs it. `at` in milliseconds. */
export function signed(body: string, secret: string, at = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const digest = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `v0=${digest}`,
  };
}
