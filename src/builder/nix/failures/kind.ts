import type { Frame } from '../process.ts';
import type { FlakeFacts, SourceFile } from '../sources.ts';

/** What Nix said when an evaluation failed, without what only the bot's machine has (`readable`). */
export interface Said {
  /** The whole message, without blank lines around it. */
  readonly text: string;
  /** The frames of the trace, the innermost first. */
  readonly frames: readonly Frame[];
  /** The plain lines of stderr: git's, curl's and ssh's own words, the collector's warnings. */
  readonly plain: readonly string[];
  /** The fleet's own files that the message names. */
  readonly files: readonly SourceFile[];
  readonly facts: FlakeFacts;
}

/** An error of a kind that proxnix knows, in one plain sentence. */
export interface Reading {
  readonly text: string;
  /** What the image does instead of "does not evaluate", of which the text is the reason. */
  readonly deed?: string;
  /** The lines of the message that help; absent: the whole message. */
  readonly lines?: readonly string[];
  /** Where the error lies, for one that has no frame there; `undefined` in the record: nowhere. */
  readonly place?: string | undefined;
  /** A word that stands at the error's line of the file, where Nix names the file alone. */
  readonly word?: string;
  /** What a person can do. */
  readonly next?: string;
  /** The sentence names the input. */
  readonly ofInput?: true;
  /** The memory limit ended it, so the same work ends the same way. */
  readonly outOfMemory?: true;
  /** The cause lies on the bot's machine, and may pass without another commit. */
  readonly mayPass?: true;
}

/** Reads an error of one kind; `undefined` for every other. */
export type Kind = (said: Said) => Reading | undefined;

/** The path of a file at the root of the flake, from the root of its repository. */
export function flakeFile({ source }: FlakeFacts, name: 'flake.nix' | 'flake.lock'): string {
  return source?.dir === undefined ? name : `${source.dir}/${name}`;
}

/** The lines of a text that are not blank. */
export function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
