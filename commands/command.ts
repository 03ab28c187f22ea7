import type { Answer, CommandOption, CommandSpec, Person, Place } from '../src/chat/chat.ts';
import type { Actor } from '../src/core/policy.ts';
import type { Wish } from '../src/pipeline/access.ts';
import type { Pipeline } from '../src/pipeline/pipeline.ts';
import type { Fleet } from '../src/pipeline/ports.ts';

/** The input of a command. */
export interface CommandContext<Args> {
  readonly args: Args;
  readonly actor: Actor;
  readonly pipeline: Pipeline;
  /** The fleets that the person may use this command for in this place; no others are in the list. */
  readonly fleets: readonly Fleet[];
  readonly now: number;
}

/** One slash command, the same in every chat. */
export interface Command extends CommandSpec {
  /**
   * What the person wants: to `view` (read, or ask for a plan), or to `act` (what only approvers may). `run`: it depends on
   * the run that is named, and the pipeline asks.
   */
  readonly wish: Wish | 'run';
  run(context: CommandContext<Readonly<Record<string, string>>>): Promise<Answer>;
}

type ArgsOf<Options extends readonly CommandOption[]> = {
  readonly [Option in Options[number] as Option['name']]: Option['required'] extends true ? string : string | undefined;
};

/**
 * Defines a command. Its options become typed arguments; a required one that is missing is answered before `run`.
 * What `run` throws as a `UserError` is shown to the person who asked.
 */
export function defineCommand<const Options extends readonly CommandOption[]>(command: {
  readonly name: string;
  readonly description: string;
  readonly wish: Command['wish'];
  readonly options: Options;
  readonly run: (context: CommandContext<ArgsOf<Options>>) => Promise<Answer>;
}): Command {
  return {
    name: command.name,
    description: command.description,
    wish: command.wish,
    options: command.options,
    async run(context) {
      const missing = command.options.find((option) => option.required && (context.args[option.name] ?? '') === '');
      if (missing !== undefined) return { kind: 'note', text: `Usage: ${usage(command)}` };
      // The names and the required ones were just held against the options that the type was made from.
      return command.run({ ...context, args: context.args as ArgsOf<Options> });
    },
  };
}

/** `/proxnix reject <run> [reason]` */
export function usage(command: CommandSpec): string {
  const options = command.options.map((option) => (option.required ? `<${option.name}>` : `[${option.name}]`));
  return ['/proxnix', command.name, ...options].join(' ');
}

/** The person and the place of a request, as decisions are made from them. */
export function actorOf({ person, place }: { readonly person: Person; readonly place: Place }): Actor {
  return { ...person, workspace: place.workspace, channel: place.channel };
}

/** One sentence for the person who asked. */
export function note(text: string): Answer {
  return { kind: 'note', text };
}
