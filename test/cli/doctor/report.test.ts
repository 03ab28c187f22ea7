import { describe, expect, it } from 'vitest';
import { harmless, isWell, reportJson, reportText } from '../../../src/cli/doctor/report.ts';
import { UserError } from '../../../src/core/errors.ts';
import { examined, type Finding, failureOf } from '../../../src/core/finding.ts';
import { createGate, Secret } from '../../../src/secret.ts';

const findings: readonly Finding[] = [
  { status: 'ok', area: 'git', text: 'git 2.39.5' },
  { status: 'warn', area: 'Proxmox', text: 'Sys.Audit is missing on /nodes', fix: 'pveum ...' },
  { status: 'fail', area: 'Slack', text: 'the bot token is refused', fix: 'SLACK_BOT_TOKEN=xoxb-...' },
  { status: 'skip', area: 'flake', text: 'Nix cannot evaluate it' },
];

describe('the report', () => {
  it('has a line for each finding, below it the line that mends it, and a sum', () => {
    expect(reportText(findings).split('\n')).toEqual([
      'ok    git      git 2.39.5',
      'WARN  Proxmox  Sys.Audit is missing on /nodes',
      '               -> pveum ...',
      'FAIL  Slack    the bot token is refused',
      '               -> SLACK_BOT_TOKEN=xoxb-...',
      'skip  flake    Nix cannot evaluate it',
      '',
      '1 ok, 1 to look at, 1 failed, 1 skipped.',
    ]);
  });

  it('is JSON for scripts', () => {
    expect(JSON.parse(reportJson(findings))).toEqual({ ok: false, findings });
  });

  it('is well with warnings and without failures', () => {
    expect(isWell(findings.filter(({ status }) => status !== 'fail'))).toBe(true);
    expect(isWell(findings)).toBe(false);
  });

  it('takes out secrets, line ends and control characters wherever they stand', () => {
    const gate = createGate([new Secret('canary-secret-1')], []);
    const text = 'said canary-secret-1\n\u001b[31mred\u202e';
    const [finding] = harmless([{ status: 'fail', area: 'git', text, fix: text }], gate);
    expect(finding).toEqual({
      status: 'fail',
      area: 'git',
      text: 'said [secret] red',
      fix: 'said [secret] red',
    });
  });
});

describe('what a check throws', () => {
  it('becomes its finding, with the details and what to do next', async () => {
    const error = new UserError('The flake has 2 mistakes.', {
      details: ['a: wrong', 'b: wrong'],
      next: 'Correct it.',
    });
    const found = await examined('flake', () => Promise.reject(error));
    expect(found).toEqual([
      { status: 'fail', area: 'flake', text: 'The flake has 2 mistakes. | a: wrong | b: wrong', fix: 'Correct it.' },
    ]);
  });

  it('is called unexpected when nobody expected it', () => {
    expect(failureOf('git', new TypeError('x is undefined')).text).toBe(
      'this check failed unexpectedly: TypeError: x is undefined',
    );
  });
});
