import { cut, oneLine } from '../../lib/text.ts';
import { imageContext, inputContext } from './expression.ts';
import { factsContext } from './facts-expression.ts';
import { inputErrors } from './failures/inputs.ts';
import type { Kind, Reading, Said } from './failures/kind.ts';
import { linesOf } from './failures/kind.ts';
import { languageErrors } from './failures/language.ts';
import { machineErrors } from './failures/machine.ts';
import { moduleErrors } from './failures/modules.ts';
import { packageErrors } from './failures/packages.ts';
import type { Frame, NixEvent } from './process.ts';
import {
  type FlakeFacts,
  fileOf,
  filesIn,
  labelled,
  type Owner,
  ownership,
  placeText,
  readable,
  type SourceFile,
} from './sources.ts';

/** The error of a failed evaluation. */
export interface EvaluationFailure {
  /** One plain sentence, or the flake's own words. */
  readonly text: string;
  /** What an image does instead of "does not evaluate": `fails a check of NixOS`. The text says which. */
  readonly deed?: string;
  /** Where in the flake: `hosts/web.nix:9:15`, the file alone, or the place in an input. */
  readonly place?: string;
  /** A word that stands at the error's line, where `place` is a file alone. */
  readonly word?: string;
  /** The message below its sentence, then a few frames that lie in the flake, the innermost first. */
  readonly lines: readonly string[];
  /** The message and its whole trace, where that is more than the lines; at most 16 KiB. */
  readonly log?: string;
  /** The image it happened in, where the trace tells. */
  readonly image?: string;
  /** The image whose facts it happened in: the image itself is evaluated. */
  readonly facts?: string;
  /** The input of the lock file that it happened in, where the trace tells. */
  readonly input?: string;
  /** What a person can do, for errors that proxnix knows. */
  readonly next?: string;
  /** The sentence names the input. */
  readonly ofInput?: true;
  /** The memory limit ended it: the same images in one process end the same way. */
  readonly outOfMemory?: true;
  /** The cause lies on the bot's machine, and may pass without another commit. */
  readonly mayPass?: true;
  /** Nix told it with its trace, in which every image is named: without an image, it is an error of the whole flake. */
  readonly traced?: true;
  /** The whole message, by which two errors are compared. */
  readonly message: string;
}

/** A card shows twelve lines. */
const most = { message: 7, frames: 4 } as const;
const longestMessage = 16 * 1024;
const longestFrame = 2000;
const longestLog = 16 * 1024;

const kinds: readonly Kind[] = [...machineErrors, ...moduleErrors, ...packageErrors, ...inputErrors, ...languageErrors];

/** The subject and the sentence of an error, without its place: `The image web does not evaluate: …`. */
export function sentenceOf(subject: string, { text, deed }: EvaluationFailure): string {
  return `${subject} ${deed ?? 'does not evaluate'}: ${text}`;
}

/** Reads the events of an evaluation that ended with an error. Newer and older Nix order the trace alike. */
export function readEvaluationFailure(events: readonly NixEvent[], facts: FlakeFacts = {}): EvaluationFailure {
  // The last one counts: a stack overflow of older Nix is a plain line behind everything else.
  const error = events.findLast(
    (event) =>
      (event.kind === 'message' && event.level === 0) || (event.kind === 'text' && event.text.startsWith('error:')),
  );
  const texts = events.flatMap((event) => (event.kind === 'text' && event.text !== '' ? [event.text] : []));
  if (error?.kind === 'message') {
    const failure = readError({ ...error, texts }, facts);
    // Of a line that was cut, the trace was lost.
    return failure.outOfMemory === true || /trace without end/.test(error.text)
      ? failure
      : { ...failure, traced: true };
  }
  if (error?.kind === 'text') {
    const text = error.text.replace(/^error:\s*/, '');
    return readError({ text, at: { text }, trace: [], texts }, facts);
  }
  const noted = events.findLast((event) => event.kind === 'message');
  const words = texts.filter((line) => !line.startsWith('GC Warning:'));
  const [text = 'Nix said nothing'] = [...words.slice(-1), ...(noted?.kind === 'message' ? [noted.text] : [])];
  const failure = readError({ text, at: { text }, trace: [], texts: words }, facts);
  return { ...failure, lines: shortened(words.slice(-most.message)) };
}

interface NixError {
  readonly text: string;
  readonly at: Frame;
  readonly trace: readonly Frame[];
  readonly texts: readonly string[];
}

function readError({ text: whole, at, trace, texts }: NixError, facts: FlakeFacts): EvaluationFailure {
  const raw = withoutAbort(cut(whole, longestMessage));
  const inMessage = filesIn(raw);
  const inTrace = [at, ...trace].flatMap((frame) => [fileOf(frame), ...filesIn(cut(frame.text, longestFrame))]);
  const ownerOf = ownership(facts, [...inMessage, ...inTrace.filter((file) => file !== undefined)]);
  const isOwn = (file: SourceFile | undefined) => file !== undefined && ownerOf(file.root) === 'own';
  const clean = (words: string, longest: number) => readable(cut(words, longest), facts.source, ownerOf);

  const text = clean(raw, longestMessage).trim();
  const frames = trace.map((frame) => ({ ...frame, text: clean(frame.text, longestFrame) }));
  const plain = texts.map((line) => clean(line, longestFrame));
  const said: Said = { text, frames, plain, files: inMessage.filter(isOwn), facts };
  const reading = kinds.reduce<Reading | undefined>((found, kind) => found ?? kind(said), undefined);
  const [first = 'Nix said nothing', ...rest] = linesOf(text);
  const place = reading !== undefined && 'place' in reading ? reading.place : placeOf([at, ...frames], ownerOf);
  const message = reading?.lines ?? (reading === undefined || reading.text === first ? rest : [first, ...rest]);
  const own = frames.filter((frame) => isOwn(fileOf(frame))).map((frame) => frameLine(frame, ownerOf));
  const lines = [...shortened(message), ...[...new Set(own)].slice(0, most.frames)];
  const log = logOf(text, [at, ...frames], plain, ownerOf);
  const after = (prefix: string) => frames.find((frame) => frame.text.startsWith(prefix))?.text.slice(prefix.length);
  const { deed, word, next, ofInput, outOfMemory, mayPass } = reading ?? {};
  return {
    ...withoutUndefined({
      deed,
      place,
      word,
      next,
      ofInput,
      outOfMemory,
      mayPass,
      image: after(imageContext),
      facts: after(factsContext),
      input: after(inputContext),
    }),
    text: reading?.text ?? first,
    message: text,
    lines,
    ...(log.split('\n').length > lines.length + 1 ? { log } : {}),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** The words of `abort`, which Nix quotes; they may have several lines. */
function withoutAbort(text: string): string {
  const [, words] = /^evaluation aborted with the following error message: '(.*)'\s*$/s.exec(text) ?? [];
  return words ?? text;
}

/** The innermost place that lies in the flake; an error inside of an input has its place there, and is used here. */
function placeOf(frames: readonly Frame[], ownerOf: ReturnType<typeof ownership>): string | undefined {
  const known = frames.flatMap((frame) => {
    const file = fileOf(frame);
    if (file === undefined || frame.line === 0) return [];
    const owner = ownerOf(file.root);
    return owner === 'nixpkgs' ? [] : [{ owner, text: placeText(file, frame) }];
  });
  const own = known.find(({ owner }) => owner === 'own')?.text;
  const [inner] = known;
  if (inner === undefined || inner.owner === 'own') return own;
  const where =
    inner.owner === 'other'
      ? 'an input'
      : `the input ${typeof inner.owner === 'string' ? inner.owner : inner.owner.input}`;
  return `${inner.text} of ${where}${own === undefined ? '' : `, used at ${own}`}`;
}

function frameLine(frame: Frame, ownerOf: (root: string) => Owner): string {
  const file = fileOf(frame);
  const words = frame.text === 'from call site' ? 'called' : frame.text.replaceAll(/\s*\n\s*/g, ' ');
  if (file === undefined) return words;
  return `${words} at ${labelled(file.root, ownerOf)}${placeText(file, frame)}`;
}

function shortened(lines: readonly string[]): readonly string[] {
  return lines.length <= most.message ? lines : [...lines.slice(0, most.message - 1), '…'];
}

const ofOurs = /^«(?:string|none)»|^[^\n]*\n(?:proxnix |from call site$|while evaluating anonymous lambda$|$)|^let\n/;

/** Everything that Nix said, without what only the bot's machine has. */
function logOf(
  text: string,
  [at, ...frames]: readonly Frame[],
  plain: readonly string[],
  ownerOf: (root: string) => Owner,
): string {
  const place = at === undefined || fileOf(at) === undefined ? [] : [frameLine({ ...at, text: 'this' }, ownerOf)];
  const words = plain.filter((line) => !/^(?:GC Warning|error: stack overflow)/.test(line));
  // Frames of our own expression tell nothing about the flake.
  const told = frames.filter(
    (frame) => fileOf(frame) !== undefined || !ofOurs.test(`${frame.file ?? ''}\n${frame.text}`),
  );
  return cut([text, ...place, ...told.map((frame) => frameLine(frame, ownerOf)), ...words].join('\n'), longestLog);
}

/** How many warnings of a commit are told. */
export const mostWarnings = 20;
/** Bytes of one. */
const longestWarning = 500;

/**
 * The warnings that concern the fleet: `warnings` of its modules and of NixOS, each once. That a package of nixpkgs names
 * no main program is nobody's business here.
 */
export function readWarnings(events: readonly NixEvent[], facts: FlakeFacts = {}): readonly string[] {
  const said = events.flatMap((event) => (event.kind === 'warning' ? filesIn(cut(event.text, longestMessage)) : []));
  const ownerOf = ownership(facts, said);
  const texts = events.flatMap((event) =>
    event.kind === 'warning' && !/^getExe: Package /.test(event.text)
      ? [cut(oneLine(readable(cut(event.text, longestMessage), facts.source, ownerOf).trim()), longestWarning)]
      : [],
  );
  return [...new Set(texts)].filter((text) => text !== '').slice(0, mostWarnings);
}
