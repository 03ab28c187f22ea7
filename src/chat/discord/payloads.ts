import { ChannelType, ComponentType, InteractionType } from 'discord.js';
import { z } from 'zod';
import { cut } from '../../lib/text.ts';
import type { Person, Place } from '../chat.ts';

const Id = z.string().regex(/^[0-9]{1,20}$/);

/** Discord allows 32 characters for a name, 6000 for an option and 4000 for a text input. */
const Name = z.string().transform((text) => cut(text, 150));
const Option = z.string().max(6000);
const Typed = z.string().max(4000);

const User = z.object({
  id: Id,
  username: Name,
  global_name: Name.nullish(),
  bot: z.boolean().optional(),
  system: z.boolean().optional(),
});

const base = {
  id: Id,
  application_id: Id,
  token: z.string().min(1),
  guild_id: Id.optional(),
  channel_id: Id.optional(),
  channel: z.object({ id: Id, type: z.number(), parent_id: Id.nullish() }).optional(),
  member: z.object({ user: User, nick: Name.nullish(), roles: z.array(Id) }).optional(),
  user: User.optional(),
  message: z.object({ id: Id }).optional(),
};

const Subcommand = z.object({
  type: z.literal(1),
  name: z.string(),
  options: z
    .array(z.object({ type: z.literal(3), name: z.string(), value: Option, focused: z.boolean().optional() }))
    .default([]),
});
const CommandData = z.object({ name: z.string(), options: z.tuple([Subcommand]) });

/** A text input in a label. The other parts of a modal (text displays) carry no answer. */
const ModalComponent = z.object({
  component: z.object({ type: z.literal(ComponentType.TextInput), custom_id: z.string(), value: Typed }).optional(),
});

/** Somebody has typed `/proxnix <name> …`. */
export const CommandInteraction = z.object({
  ...base,
  type: z.literal(InteractionType.ApplicationCommand),
  data: CommandData,
});
/** A typed command. */
export type CommandInteraction = z.infer<typeof CommandInteraction>;

/** Somebody is typing an option. */
export const CompleteInteraction = z.object({
  ...base,
  type: z.literal(InteractionType.ApplicationCommandAutocomplete),
  data: CommandData,
});
/** An option that is being typed. */
export type CompleteInteraction = z.infer<typeof CompleteInteraction>;

/** Somebody has pressed a button. */
export const ButtonInteraction = z.object({
  ...base,
  type: z.literal(InteractionType.MessageComponent),
  data: z.object({ component_type: z.literal(ComponentType.Button), custom_id: z.string() }),
});
/** A pressed button. */
export type ButtonInteraction = z.infer<typeof ButtonInteraction>;

/** Somebody has sent a modal. */
export const FormInteraction = z.object({
  ...base,
  type: z.literal(InteractionType.ModalSubmit),
  data: z.object({ custom_id: z.string(), components: z.array(ModalComponent) }),
});
/** A sent modal. */
export type FormInteraction = z.infer<typeof FormInteraction>;

/**
 * The dispatch INTERACTION_CREATE, in the forms that proxnix handles. It is read from the dispatch itself, because discord.js
 * drops roles of a member that its cache of the guild lacks, and a missing role would refuse an approver.
 */
export const Interaction = z.discriminatedUnion('type', [
  CommandInteraction,
  CompleteInteraction,
  ButtonInteraction,
  FormInteraction,
]);
/** Any interaction that proxnix handles. */
export type Interaction = z.infer<typeof Interaction>;

/** Kinds of threads that are visible to everybody who sees their channel. */
const publicThreads: readonly number[] = [ChannelType.PublicThread, ChannelType.AnnouncementThread];

/** The person of an interaction; `undefined` for a bot. The interaction carries their role ids, so these are current. */
export function personOf(interaction: Interaction): Person | undefined {
  const user = interaction.member?.user ?? interaction.user;
  if (user === undefined || user.bot === true || user.system === true) return undefined;
  // The role @everyone has the id of the guild and says nothing about a person.
  const groups = (interaction.member?.roles ?? []).filter((role) => role !== interaction.guild_id);
  return { chat: 'discord', id: user.id, name: interaction.member?.nick ?? user.global_name ?? user.username, groups };
}

/**
 * The place of an interaction: ids as Discord sends them, `direct-message` instead of a guild. A public thread counts as
 * its channel, a private thread as itself.
 */
export function placeOf(interaction: Interaction): Place {
  const { channel } = interaction;
  const parent = channel !== undefined && publicThreads.includes(channel.type) ? channel.parent_id : undefined;
  return {
    workspace: interaction.guild_id ?? 'direct-message',
    channel: parent ?? channel?.id ?? interaction.channel_id ?? 'unknown',
  };
}
