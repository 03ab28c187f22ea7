import { shortSha } from '../core/commit.ts';
import type { ClosedRun, FailedRun, PreviewedRun, Run } from '../core/run.ts';
import { cleanText } from '../lib/text.ts';
import type { Card, Span } from './card.ts';
import { accessWarnings, insideBlocks } from './inside.ts';
import { type CardContext, commitBlocks, ids, planCounts } from './parts.ts';
import { planFile } from './plan-card.ts';
import { planTable, planText } from './plan-text.ts';

/** GitHub takes 65,536 characters (422 beyond), of which the hidden mark of a comment needs some. */
const longestComment = 60_000;

/** The card of a preview: a plan without anything to press. */
export function previewCard(run: PreviewedRun, context: CardContext): Card {
  const { preview } = run;
  return {
    tone: 'quiet',
    title: `Preview of ${numberOf(run)}: ${planCounts(preview)}`,
    blocks: [
      ...commitBlocks(run, context),
      {
        kind: 'text',
        rich: [requestSpan(run, context), ` is not merged into ${run.branch}: nothing can be approved yet.`],
      },
      ...accessWarnings(preview, run.review),
      ...(preview.changes.length === 0 ? [] : [planTable(preview)]),
      ...insideBlocks(preview, run.review),
      { kind: 'small', rich: [run.fleet, ...ids(run)] },
    ],
    buttons: [],
    files: [planFile(preview, run)],
  };
}

/** The card of a preview that is over. */
export function closedCard(run: ClosedRun): Card {
  return { tone: 'quiet', title: `Closed: preview of ${numberOf(run)}`, blocks: [], buttons: [], files: [] };
}

/**
 * The comment of a preview on its request, in Markdown. Every text from outside stands in a block of code, out of which
 * nothing breaks: no markup, no mention and no command of a forge is read there.
 */
export function previewComment(run: PreviewedRun | FailedRun, url: string | undefined): string {
  const place = url === undefined ? `Run ${run.id}` : `Run [${run.id}](${url})`;
  const commit = run.commit === undefined ? 'the request' : `\`${shortSha(run.commit.sha)}\``;
  if (run.phase === 'failed') {
    return [
      `### Preview for fleet ${run.fleet}: no plan could be made`,
      `Of ${commit} no plan can be made; after a merge it would be the same on \`${run.branch}\`.`,
      codeBlock('text', run.failure.message),
      place,
    ].join('\n\n');
  }
  return [
    `### Preview for fleet ${run.fleet}: ${planCounts(run.preview)}`,
    `What ${commit} would change once it is on \`${run.branch}\`, compared with the cluster as it is now. Nothing is built or changed before, and nothing can be approved here.`,
    codeBlock('diff', planText(run.preview, run)),
    place,
  ].join('\n\n');
}

/**
 * Text as a block of code. It holds no fence and no line that begins with a slash, which GitLab could take for a command;
 * what is too long is cut at the end of a line.
 */
function codeBlock(language: 'diff' | 'text', text: string): string {
  const safe = cleanText(text)
    .replace(/`{3,}/g, (marks) => "'".repeat(marks.length))
    .replace(/^\//gm, ' /');
  return [`\`\`\`${language}`, cutLines(safe.trimEnd()), '```'].join('\n');
}

function cutLines(text: string): string {
  if (Buffer.byteLength(text) <= longestComment) return text;
  const kept: string[] = [];
  let left = longestComment;
  for (const line of text.split('\n')) {
    left -= Buffer.byteLength(line) + 1;
    if (left < 0) break;
    kept.push(line);
  }
  return [...kept, '… the rest does not fit into a comment'].join('\n');
}

function requestSpan(run: PreviewedRun, { pullUrl }: CardContext): Span {
  const number = numberOf(run);
  if (pullUrl === undefined || run.trigger.kind !== 'pull') return `Request ${number}`;
  return { link: pullUrl(run.trigger.number), text: `Request ${number}` };
}

/** `#7` */
function numberOf({ trigger }: Pick<Run, 'trigger'>): string {
  return trigger.kind === 'pull' ? `#${trigger.number}` : 'a request';
}
