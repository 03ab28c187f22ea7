import type { Finding, Status } from '../../core/finding.ts';
import { oneLine } from '../../lib/text.ts';

const marks: Readonly<Record<Status, string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

/** The findings for people: one line each, below it the line that mends it, and at the end how many of each. */
export function reportText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ area }) => area.length), 0);
  const lines = findings.flatMap(({ status, area, text, fix }) => [
    `${marks[status]}  ${area.padEnd(width)}  ${text}`,
    ...(fix === undefined ? [] : [`      ${' '.repeat(width)}  -> ${fix}`]),
  ]);
  return [...lines, '', summary(findings)].join('\n');
}

/** The same for scripts. `ok` is what the exit code says: nothing failed. */
export function reportJson(findings: readonly Finding[]): string {
  return JSON.stringify({ ok: isWell(findings), findings }, null, 2);
}

/** Whether nothing failed; warnings are no failure. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'fail');
}

/** Each text on one line, without secrets and without anything that moves a cursor or turns the direction of writing. */
export function harmless(findings: readonly Finding[], gate: (text: string) => string): readonly Finding[] {
  return findings.map(({ status, area, text, fix }) => ({
    status,
    area: words(gate(area)),
    text: words(gate(text)),
    ...(fix === undefined ? {} : { fix: words(gate(fix)) }),
  }));
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
  const skipped = count('skip') === 0 ? '' : `, ${count('skip')} skipped`;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed${skipped}.`;
}

function words(text: string): string {
  return oneLine(text).replace(/\s+/g, ' ').trim();
}
