import {
  type APIActionRowComponent,
  type APIButtonComponent,
  ButtonStyle,
  ComponentType,
  MessageFlags,
} from 'discord.js';
import { escapeMarkdown, markdownWithin } from './rich.ts';
import { cut } from './text.ts';

/** A plain message for one person's eyes. */
export interface NoteBody {
  readonly flags: number;
  readonly allowed_mentions: { parse: [] };
  readonly content: string;
  readonly components?: APIActionRowComponent<APIButtonComponent>[];
}

const maxContent = 1900;

/** A sentence with the reason code of a refusal below it; `opens` is the id of a button that opens a form. */
export function noteBody(text: string, options: { code?: string | undefined; opens?: string } = {}): NoteBody {
  const said = markdownWithin([text.trim()], maxContent) || 'Nothing to say.';
  const reason = options.code === undefined ? '' : `\n-# Reason: ${escapeMarkdown(cut(options.code, 60))}`;
  return {
    flags: MessageFlags.Ephemeral,
    allowed_mentions: { parse: [] },
    content: said + reason,
    ...(options.opens === undefined ? {} : { components: [openRow(options.opens)] }),
  };
}

function openRow(id: string): APIActionRowComponent<APIButtonComponent> {
  return {
    type: ComponentType.ActionRow,
    components: [{ type: ComponentType.Button, style: ButtonStyle.Primary, label: 'Open the form', custom_id: id }],
  };
}
