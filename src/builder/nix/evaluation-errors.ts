import { UserError } from '../../core/errors.ts';
import type { ImageRequest } from '../../core/guest.ts';
import { imageTitle } from '../../core/guest.ts';
import { nearest } from '../../core/nearest.ts';
import type { Source } from '../../git/git.ts';
import { type EvaluationFailure, sentenceOf as failureSentence } from './evaluation-failure.ts';

/** Why there is no image for a request. */
export type ImageProblem = { readonly request: ImageRequest } & (
  | { readonly why: 'unknown' | 'throws' | 'no-derivation' }
  | { readonly why: 'lacks'; readonly attr: string; readonly attribute: string }
  | { readonly why: 'fails'; readonly error: EvaluationFailure }
);

/** A card shows twelve lines. */
const maxDetails = 12;
const maxKnown = 20;
const maxAdvised = 10;

/**
 * One error for everything that is wrong with the images of a commit.
 * @param known the names in `nixosConfigurations`; `undefined` when no evaluation came that far
 */
export function imageErrors(found: readonly ImageProblem[], known: readonly string[] | undefined): UserError {
  const problems = withoutTold(found);
  const shared = sharedError(problems);
  const advice = [
    ...problems.slice(0, maxAdvised).map((problem) => adviceOf(problem, known ?? [])),
    ...(problems.some((problem) => problem.why === 'unknown') ? [knownOnes(known)] : []),
  ].filter((text) => text !== undefined);
  const details = shared?.lines ?? detailsOf(problems);
  return new UserError(messageOf(problems, shared), {
    details,
    mayPass: problems.some((problem) => problem.why === 'fails' && problem.error.mayPass === true),
    ...logOf(shared === undefined ? problems : problems.slice(0, 1), details),
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

/** The error that all of several images share: the same whole message at the same place. */
function sharedError(problems: readonly ImageProblem[]): EvaluationFailure | undefined {
  const [first] = problems;
  if (problems.length < 2 || first?.why !== 'fails') return undefined;
  const { message, place } = first.error;
  const same = problems.every(
    (problem) => problem.why === 'fails' && problem.error.message === message && problem.error.place === place,
  );
  return same ? first.error : undefined;
}

/** The whole error of each image, for the file beside the card, where that is more than the details. */
function logOf(problems: readonly ImageProblem[], details: readonly string[]): { log?: string } {
  const whole = problems.map((problem) => {
    const { log, lines } = problem.why === 'fails' ? problem.error : { log: undefined, lines: [] };
    return [sentenceOf(problem), ...(log === undefined ? lines : [log])].join('\n');
  });
  const log = whole.join('\n\n');
  // The sentence of a single image stands above the details.
  const shown = details.length + (problems.length === 1 ? 1 : 0);
  return log.split(/\n+/).length > shown ? { log } : {};
}

function messageOf(problems: readonly ImageProblem[], shared: EvaluationFailure | undefined): string {
  if (problems.length === 1) return problems.map(sentenceOf).join(' ');
  const titles = problems.map(titleOf).join(', ');
  if (shared !== undefined) {
    const what = shared.deed === undefined ? 'do not evaluate' : shared.deed.replace('fails', 'fail');
    return `The images ${titles} ${what}, all for one reason: ${reason(shared)}`;
  }
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
      return failureSentence(`The image ${title}`, { ...problem.error, text: reason(problem.error) });
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
    return [sentenceOf(problem), ...own.slice(0, Math.min(share, 4))];
  });
  return lines.slice(0, maxDetails);
}

/** The error of a flake that cannot be read at all. */
export function flakeError(source: Source, error: EvaluationFailure): UserError {
  const subject = `The flake of commit ${source.rev.slice(0, 7)}`;
  return new UserError(failureSentence(subject, { ...error, text: reason(error) }), {
    details: error.lines,
    mayPass: error.mayPass === true,
    ...(error.log === undefined ? {} : { log: error.log }),
    ...(error.next === undefined ? {} : { next: error.next }),
  });
}

/** The end of the sentence, with the place in the flake. */
function reason(error: EvaluationFailure): string {
  const text = error.text.replace(/[.:]$/, '');
  return error.place === undefined ? `${text}.` : `${text} (${error.place}).`;
}
