import { z } from 'zod';
import { cut } from '../../lib/text.ts';

/** Slack allows 80 characters for a name, and 3000 for a field of a form. */
const Name = z.string().transform((text) => cut(text, 150));
const Typed = z.string().max(4000);

const Id = z.object({ id: z.string() });

/** In a grid of workspaces either may be null (slackapi/bolt-js#1875). */
const Workspace = {
  team: z.object({ id: z.string(), enterprise_id: z.string().optional() }).nullish(),
  enterprise: Id.nullish(),
};

/** `/proxnix …`: flat, the same over a socket and over HTTP. */
export const CommandPayload = z.object({
  text: z.string().default(''),
  user_id: z.string(),
  user_name: Name.default(''),
  team_id: z.string().nullish(),
  enterprise_id: z.string().optional(),
  channel_id: z.string(),
  trigger_id: z.string(),
});
/** A typed command. */
export type CommandPayload = z.infer<typeof CommandPayload>;

const User = z.object({
  id: z.string(),
  team_id: z.string().optional(),
  username: Name.optional(),
  name: Name.optional(),
});

/** A pressed button. `container` names its message. */
export const PressPayload = z.object({
  user: User,
  ...Workspace,
  channel: Id.optional(),
  container: z.object({
    message_ts: z.string().optional(),
    channel_id: z.string().optional(),
    thread_ts: z.string().optional(),
    is_ephemeral: z.boolean().default(false),
  }),
  trigger_id: z.string(),
  actions: z.tuple([z.object({ action_id: z.string(), value: z.string().default('') })], z.unknown()),
});
/** A pressed button. */
export type PressPayload = z.infer<typeof PressPayload>;

/** A submitted modal: `values` by block_id, then by action_id. */
export const FormPayload = z.object({
  user: User,
  ...Workspace,
  trigger_id: z.string().optional(),
  view: z.object({
    private_metadata: z.string(),
    state: z.object({
      values: z.record(z.string(), z.record(z.string(), z.object({ value: Typed.nullish() }))),
    }),
  }),
});
/** A submitted modal. */
export type FormPayload = z.infer<typeof FormPayload>;

/** The fields of a form by name; an empty field is the empty text. */
export function formValues(payload: FormPayload): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(payload.view.state.values).map(([block, actions]) => [block, actions[block]?.value ?? '']),
  );
}
