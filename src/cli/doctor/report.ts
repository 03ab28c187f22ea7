import type { Finding, Status } from '../../core/finding.ts';
import { oneLine } from '../../lib/text.ts';

const marks: Readonly<Record<Status, string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

/** The findings as text: one line each with its fix below, and the counts at the end. */
export function reportText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ area }) => area.length), 0);
  const lines = findings.flatMap(({ status, area, text, fix }) => [
    `${marks[status]}  ${area.padEnd(width)}  ${text}`,
    ...(fix === undefined ? [] : [`      ${' '.repeat(width)}  -> ${fix}`]),
  ]);
  return [...lines, '', summary(findings)].join('\n');
}

/** The findings as JSON. `ok` equals the exit code: nothing failed. */
export function reportJson(findings: readonly Finding[]): string {
  return JSON.stringify({ ok: isWell(findings), findings }, null, 2);
}

/** Whether nothing failed; warnings are no failure. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'fail');
}

/** Cleans the texts: one line each, without secrets, control characters and reordering characters. */
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
