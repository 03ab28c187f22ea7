import { UserError } from '../../core/errors.ts';
import type { ImageRequest } from '../../core/guest.ts';
import { imageTitle } from '../../core/guest.ts';
import { nearest } from '../../core/nearest.ts';
import type { Source } from '../../git/git.ts';
import { imageContext, inputContext } from './expression.ts';
import type { Frame, NixEvent } from './process.ts';
import { withoutSource } from './store.ts';

/** The error of a failed evaluation. */
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

/** Why there is no image for a request. */
export type ImageProblem = { readonly request: ImageRequest } & (
  | { readonly why: 'unknown' | 'throws' | 'no-derivation' }
  | { readonly why: 'lacks'; readonly attr: string; readonly attribute: string }
  | { readonly why: 'fails'; readonly error: EvaluationFailure }
);

const maxDetails = 30;
const maxKnown = 20;
const maxAdvised = 10;

/**
 * One error for everything that is wrong with the images of a commit.
 * @param known the names in `nixosConfigurations`; `undefined` when no evaluation came that far
 */
export function imageErrors(
  source: Source,
  found: readonly ImageProblem[],
  known: readonly string[] | undefined,
): UserError {
  const problems = withoutTold(found);
  const shared = sharedError(problems);
  if (shared !== undefined && shared.image === undefined) return flakeError(source, shared);
  const advice = [
    ...problems.slice(0, maxAdvised).map((problem) => adviceOf(problem, known ?? [])),
    ...(problems.some((problem) => problem.why === 'unknown') ? [knownOnes(known)] : []),
  ].filter((text) => text !== undefined);
  return new UserError(messageOf(problems, shared), {
    details: shared?.lines ?? detailsOf(problems),
    ...(advice.length === 0 ? {} : { next: [...new Set(advice)].join(' ') }),
  });
}

/** A missing configuration has no image of either kind; that counts as one problem. */
function withoutTold(found: readonly ImageProblem[]): readonly ImageProblem[] {
  const unknown = new Set<string>();
  return found.filter(({ request, why }) => {
    if (why !== 'unknown') return true;
    const isTold = unknown.has(request.type);
    unknown.add(request.type);
    return !isTold;
  });
}

/** The error that all of several images share. When it names no image, the flake itself is broken. */
function sharedError(problems: readonly ImageProblem[]): EvaluationFailure | undefined {
  const [first] = problems;
  if (problems.length < 2 || first?.why !== 'fails') return undefined;
  const same = problems.every((problem) => problem.why === 'fails' && problem.error.text === first.error.text);
  return same ? first.error : undefined;
}

function messageOf(problems: readonly ImageProblem[], shared: EvaluationFailure | undefined): string {
  if (problems.length === 1) return problems.map(sentenceOf).join(' ');
  const titles = problems.map(titleOf).join(', ');
  if (shared !== undefined) return `The images ${titles} do not evaluate, all for one reason: ${reason(shared)}`;
  return `These images do not evaluate: ${titles}.`;
}

function sentenceOf(problem: ImageProblem): string {
  const title = titleOf(problem);
  switch (problem.why) {
    case 'unknown':
      return `The image type ${JSON.stringify(title)} is not in nixosConfigurations.`;
    case 'lacks':
      return `The image ${title} has no attribute ${problem.attribute} (${problem.attr}).`;
    case 'no-derivation':
      return `The image ${title} is no derivation of the store /nix/store.`;
    case 'throws':
      return `The image ${title} does not evaluate.`;
    case 'fails':
      return `The image ${title} does not evaluate: ${reason(problem.error)}`;
  }
}

function titleOf({ request, why }: ImageProblem): string {
  return why === 'unknown' ? request.type : imageTitle(request);
}

function adviceOf(problem: ImageProblem, known: readonly string[]): string | undefined {
  switch (problem.why) {
    case 'unknown': {
      const near = nearest(problem.request.type, known);
      return near === undefined ? undefined : `Did you mean ${near}?`;
    }
    case 'lacks':
      return problem.request.kind === 'vm'
        ? 'Add the attribute, or set another image attribute for this fleet.'
        : "Add the attribute (nixpkgs' virtualisation/proxmox-lxc.nix makes config.system.build.tarball), or set another container attribute for this fleet.";
    case 'fails':
      return problem.error.next;
    case 'no-derivation':
    case 'throws':
      return undefined;
  }
}

function knownOnes(known: readonly string[] | undefined): string | undefined {
  if (known === undefined) return undefined;
  if (known.length === 0) return 'The flake has no nixosConfigurations.';
  const more = known.length > maxKnown ? `, and ${known.length - maxKnown} more` : '';
  return `Known are: ${known.slice(0, maxKnown).join(', ')}${more}.`;
}

/** Each problem's own lines under its image, sharing the space. */
function detailsOf(problems: readonly ImageProblem[]): readonly string[] {
  const share = Math.max(1, Math.floor(maxDetails / problems.length) - 1);
  const lines = problems.flatMap((problem) => {
    const own = problem.why === 'fails' ? problem.error.lines : [];
    if (problems.length === 1) return own;
    return [sentenceOf(problem), ...own.slice(1, share)];
  });
  return lines.slice(0, maxDetails);
}

/** The error of a flake that cannot be read at all. */
export function flakeError(source: Source, error: EvaluationFailure): UserError {
  return new UserError(`The flake of commit ${source.rev.slice(0, 7)} does not evaluate: ${reason(error)}`, {
    details: error.lines,
    ...(error.next === undefined ? {} : { next: error.next }),
  });
}

/** Nix's own words as the end of a sentence, with the place in the flake. */
function reason(error: EvaluationFailure): string {
  const text = error.text.replace(/[.:]$/, '');
  return error.place === undefined ? `${text}.` : `${text} (${error.place}).`;
}
