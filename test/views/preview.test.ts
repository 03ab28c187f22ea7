import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/core/plan.ts';
import type { RunEvent } from '../../src/core/run.ts';
import { previewComment } from '../../src/views/preview.ts';
import { runCard } from '../../src/views/run-card.ts';
import { aContext, aPlan, aRun, follow, t0 } from '../support/builders.ts';

const url = 'https://bot.example/runs/r-41';

/** The comment without its blocks of code: what a forge reads as Markdown. */
const outside = (comment: string) => comment.replace(/^```(?:diff|text)\n[\s\S]*?^```$/gm, '');

function failing(message: string) {
  const failure: RunEvent = { type: 'failed', failure: { message, details: [] }, at: t0 };
  const run = follow({ ...aRun('planning'), trigger: { kind: 'pull', number: 7 } }, failure);
  if (run.phase !== 'failed') throw new Error('the run has not failed');
  return run;
}

describe('the comment of a preview', () => {
  it('holds the plan as a diff, names the commit and the branch, and links to the run', () => {
    const comment = previewComment(aRun('previewed'), url);
    expect(comment).toMatch(/^### Preview for fleet \S+: /);
    expect(comment).toContain(`\n\`\`\`diff\nPlan ${aPlan().id} of `);
    expect(comment).toContain('nothing can be approved here');
    expect(comment).toContain(`Run [r-41](${url})`);
    expect(previewComment(aRun('previewed'), undefined)).toMatch(/\nRun r-41$/);
  });

  it('has no button and offers no command that approves', () => {
    expect(previewComment(aRun('previewed'), url)).not.toMatch(/\/proxnix|- \[[ x]\]/);
  });

  it('of a plan without changes says that there is nothing to do', () => {
    const plan: Plan = { ...aPlan(), changes: [] };
    expect(previewComment(aRun('previewed', plan), url)).toContain(': nothing to do\n');
  });

  it('of thousands of lines fits, is cut at the end of a line, and closes its block', () => {
    const warnings = Array.from({ length: 5000 }, (_, n) => `The option number ${n} is older than the others.`);
    const comment = previewComment({ ...aRun('previewed'), warnings }, url);
    expect(comment.length).toBeLessThan(65_000);
    expect(comment).toContain('… the rest does not fit into a comment\n```\n');
    expect(outside(comment)).toContain(`[r-41](${url})`);
  });

  it.each([
    '``` \n@everyone <script>alert(1)</script>',
    'a\n```\n/close\n/merge',
    '/approve\n/close',
    '~~~\n[x](javascript:alert(1))',
    '````\n# title',
    '\u202e```\u0007\n@all',
    '<!-- proxnix 0 -->\n--> <img src=x onerror=alert(1)>',
  ])('shows %j of others as text', (text) => {
    const comment = previewComment(failing(text), url);
    expect(comment.match(/^```/gm)).toHaveLength(2);
    expect(comment).not.toMatch(/^\//m);
    expect(outside(comment)).not.toMatch(/@everyone|@all|script|javascript|onerror|title|close|\u202e/);
  });

  it('lets nothing out of its block, whatever a warning says', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('`', '\n', '/', '~', '<', '@', 'a', ' ', '\r', '\u2028') }),
        (text) => {
          const comment = previewComment({ ...aRun('previewed'), warnings: [text] }, url);
          expect(comment.match(/^[ \t]{0,3}`{3}/gm)).toHaveLength(2);
          expect(comment).not.toMatch(/^\//m);
          expect(outside(comment)).not.toMatch(/[@<~]/);
        },
      ),
    );
  });
});

describe('the card of a preview', () => {
  it('is quiet, without buttons, with the plan as a file, and links to the request', () => {
    const card = runCard(
      aRun('previewed'),
      aContext({ pullUrl: (number) => `https://git.example.org/pulls/${number}` }),
    );
    expect(card).toMatchObject({ tone: 'quiet', buttons: [], files: [{ name: 'plan.diff' }] });
    expect(card.title).toMatch(/^Preview of #7: /);
    expect(JSON.stringify(card.blocks)).toContain('https://git.example.org/pulls/7');
  });

  it('that is over is one line', () => {
    expect(runCard(aRun('closed'), aContext())).toEqual({
      ...{ tone: 'quiet', title: 'Closed: preview of #7', blocks: [], buttons: [], files: [] },
    });
  });
});
