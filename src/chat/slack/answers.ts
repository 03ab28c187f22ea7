import type { RespondFn } from '@slack/bolt';
import { cleanText } from '../../lib/text.ts';
import type { Log } from '../../log.ts';
import type { Card } from '../../views/card.ts';
import type { Answer, Form } from '../chat.ts';
import { type SlackMessage, slackCard } from './card.ts';
import { refusal } from './errors.ts';
import type { Files } from './files.ts';
import { formView } from './form.ts';
import { fallbackBytes } from './limits.ts';
import type { Messages } from './messages.ts';
import { clip, escapedWithin } from './text.ts';
import type { SlackClients } from './web.ts';

/** The asker and the ways to answer: a response_url takes five answers in 30 minutes, a trigger is valid for three seconds. */
export interface Asker {
  readonly user: string;
  readonly channel: string;
  /** The message whose button was pressed; files go into its thread. */
  readonly ts?: string | undefined;
  readonly thread?: string | undefined;
  readonly trigger?: string | undefined;
  readonly respond?: RespondFn | undefined;
}

/** Gives answers that the asker alone sees. A failed answer is logged; the card still shows the decision. */
export class Answers {
  readonly #clients: SlackClients;
  readonly #messages: Messages;
  readonly #files: Files;
  readonly #log: Log;

  constructor(clients: SlackClients, messages: Messages, files: Files, log: Log) {
    this.#clients = clients;
    this.#messages = messages;
    this.#files = files;
    this.#log = log;
  }

  async give(asker: Asker, answer: Answer): Promise<void> {
    await this.#give(asker, answer);
    this.#log.debug({ user: asker.user, kind: answer.kind }, 'answered somebody');
  }

  async #give(asker: Asker, answer: Answer): Promise<void> {
    switch (answer.kind) {
      case 'none':
        return;
      case 'note':
        await this.#whisper(asker, noteMessage(answer.text, answer.code));
        return;
      case 'invalid':
        await this.#whisper(asker, noteMessage(answer.text));
        return;
      case 'card':
        await this.#whisper(asker, slackCard(answer.card));
        await this.#attach(asker, answer.card);
        return;
      case 'form':
        await this.#ask(asker, answer.form);
        return;
      default:
        answer satisfies never;
    }
  }

  async #ask(asker: Asker, form: Form): Promise<void> {
    const trigger_id = asker.trigger;
    try {
      if (trigger_id === undefined) throw new Error('no trigger to open a form with');
      await this.#clients.quick.views.open({ trigger_id, view: formView(form, asker.channel, asker.ts) });
    } catch (error) {
      this.#log.warn({ err: error, user: asker.user }, 'a form could not be opened');
      const why = /trigger/.test(refusal(error) ?? '') ? 'it took longer than Slack waits' : 'Slack did not take it';
      await this.#whisper(
        asker,
        noteMessage(`The question could not be shown: ${why}. Nothing was done, press again.`),
      );
    }
  }

  /** Answers by the response_url, which needs no membership in the channel, or by the bot if Slack refuses that. */
  async #whisper(asker: Asker, { text, blocks }: SlackMessage): Promise<void> {
    const body = { text, blocks: [...blocks] };
    try {
      if (asker.respond !== undefined) {
        await asker.respond({ ...body, response_type: 'ephemeral', replace_original: false });
        return;
      }
    } catch (error) {
      this.#log.warn({ err: error, user: asker.user }, 'a response_url accepted no answer');
    }
    const where = { channel: asker.channel, ...(asker.thread === undefined ? {} : { thread_ts: asker.thread }) };
    try {
      await this.#clients.answers.chat.postEphemeral({ ...where, user: asker.user, ...body });
    } catch (error) {
      this.#log.error({ err: error, user: asker.user }, 'an answer could not be sent');
    }
  }

  /** Sends files to the thread of the pressed message, or to the asker alone: an ephemeral message holds no files. */
  async #attach(asker: Asker, card: Card): Promise<void> {
    if (card.files.length === 0) return;
    try {
      const at =
        asker.ts === undefined
          ? await this.#messages.post(asker.user, slackCard({ ...card, buttons: [] }))
          : { channel: asker.channel, ts: asker.thread ?? asker.ts };
      await this.#files.answer(at, card.files);
    } catch (error) {
      this.#log.error({ err: error, user: asker.user }, 'the files of an answer could not be sent');
    }
  }
}

/** A sentence, drawn literally, with the reason code of a refusal. */
export function noteMessage(sentence: string, code?: string): SlackMessage {
  const text = clip(cleanText(sentence).trim(), 2800);
  const said = [text === '' ? 'Done.' : text, ...(code === undefined ? [] : [`(${code})`])].join(' ');
  return {
    text: escapedWithin(said, fallbackBytes),
    blocks: [
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: said }] }] },
    ],
  };
}
