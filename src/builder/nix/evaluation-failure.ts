import { imageContext, inputContext } from './expression.ts';
import type { Frame, NixEvent } from './log-stream.ts';
import { withoutSource } from './names.ts';

/** What a failed evaluation said. */
export interface EvaluationFailure {
  /** Nix's own sentence. */
  readonly text: string;
  /** Where in the flake: `vms.nix:9:15`. */
  readonly place?: string;
  /** The text with its place and the frames that lie in the flake, the innermost first; 30 lines at most. */
  readonly lines: readonly string[];
  /** The image it happened in, where the trace tells. */
  readonly image?: string;
  /** The input of the lock file that it happened in, where the trace tells. */
  readonly input?: string;
  /** What a person can do, for errors that proxnix knows. */
  readonly next?: string;
}

const maxLines = 30;

/** Reads the events of an evaluation that ended with an error. Newer and older Nix order the trace alike. */
export function readEvaluationFailure(events: readonly NixEvent[]): EvaluationFailure {
  const message = events.findLast((event) => event.kind === 'message' && event.level === 0);
  if (message?.kind === 'message') return fromMessage(message.text, message.at, message.trace);
  const texts = events.flatMap((event) => (event.kind === 'text' && !isNoise(event.text) ? [event.text] : []));
  const plain = texts.findLast((text) => text.startsWith('error:'))?.replace(/^error:\s*/, '');
  const text = plain ?? texts.at(-1) ?? 'Nix said nothing';
  return { text, lines: plain === undefined ? texts.slice(-maxLines) : [text], ...hint(text) };
}

function fromMessage(raw: string, at: Frame, trace: readonly Frame[]): EvaluationFailure {
  const text = withoutSource(raw);
  const after = (prefix: string) => trace.find((frame) => frame.text.startsWith(prefix))?.text.slice(prefix.length);
  const [image, input] = [after(imageContext), after(inputContext)];
  const place = placeOf(at);
  const frames = trace.flatMap((frame) => {
    const where = placeOf(frame);
    return where === undefined ? [] : [`${withoutSource(frame.text)} at ${where}`.replaceAll('\n', ' ')];
  });
  const lines = [...text.split('\n'), ...(place === undefined ? [] : [`at ${place}`]), ...frames];
  return {
    text: text.split('\n', 1)[0] ?? text,
    lines: lines.slice(0, maxLines),
    ...(place === undefined ? {} : { place }),
    ...(image === undefined ? {} : { image }),
    ...(input === undefined ? {} : { input }),
    ...hint(text),
  };
}

/** Only places in a flake: for our own expression older Nix gives its whole text as the file's name. */
function placeOf(frame: Frame): string | undefined {
  if (frame.file === undefined || !/^\/\S*-source\//.test(frame.file)) return undefined;
  return [withoutSource(frame.file), frame.line, frame.column].filter((part) => part !== undefined).join(':');
}

/** Boehm's collector writes hundreds of these before memory ends. */
function isNoise(text: string): boolean {
  return text === '' || text.startsWith('GC Warning:');
}

const hints: readonly (readonly [RegExp, string])[] = [
  [
    /allow-import-from-derivation/,
    'The flake builds something while it is evaluated, so code of a push would run before anyone approved. Remove the import from a derivation, or allow it in the settings.',
  ],
  [/requires Nix >= /, 'Install a newer Nix on the machine of the bot; nixpkgs decides which.'],
  [/^out of memory$/, 'Raise the memory limit of an evaluation, or evaluate fewer images at a time.'],
  [
    /access to (?:absolute path|URI|path)|forbidden in (?:pure eval|restricted) mode|not allowed in pure|is not allowed to/,
    'Evaluation is pure: a flake may read only itself and its locked inputs.',
  ],
  [
    /unable to download|[Cc]ould(?:n't| not) resolve|program 'git' failed|[Cc]ould not connect|CONNECT tunnel|[Ff]ailed to (?:connect|fetch git)|Git repository .{0,300} does not exist/,
    'An evaluation has no network and sees no other repository. Make it an input of the flake, or name the host in NIX_EVAL_HOSTS.',
  ],
  [
    /hash mismatch|mismatch in (?:input|field)/,
    'A hash in the flake or in flake.lock does not fit. Nix on your own machine tells the right one; here it is never shown.',
  ],
  [/no output named proxnix/, 'Give the flake an output proxnix with the attribute vms.'],
  [/lock file|flake\.lock|unlocked flake reference/, 'Run nix flake lock, commit flake.lock and push.'],
];

function hint(text: string): { next?: string } {
  const next = hints.find(([pattern]) => pattern.test(text))?.[1];
  return next === undefined ? {} : { next };
}
