import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slackCard } from '../../../src/chat/slack/card.ts';
import { formView } from '../../../src/chat/slack/form.ts';
import { oneLine } from '../../../src/lib/text.ts';
import type { Card } from '../../../src/views/card.ts';
import { anyCard, line, runs, text } from '../../support/slack/arbitrary.ts';
import { list, refuseMessage, refuseView } from '../../support/slack/limits.ts';

/** `PROXNIX_SLACK_BODIES` names a file that takes each body as a JSON line, for a look with other tools. */
function record(kind: string, body: object): void {
  const path = process.env['PROXNIX_SLACK_BODIES'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ kind, body })}\n`);
}

function asJson(value: unknown): ReturnType<typeof list> {
  return list(JSON.parse(JSON.stringify(value)));
}

/** Every text that Slack would parse. */
function parsedTexts(card: ReturnType<typeof slackCard>): readonly string[] {
  const texts = [card.text];
  JSON.stringify(card.blocks, (_, value: unknown) => {
    const [part] = list([value]);
    if (part?.['type'] === 'mrkdwn') texts.push(String(part['text']));
    return value;
  });
  return texts;
}

describe('any card', () => {
  it('breaks no limit of the platform', () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const { text: fallback, blocks } = slackCard(card);
        record('chat.postMessage', { channel: 'C1', text: fallback, blocks, unfurl_links: false, unfurl_media: false });
        record('chat.update', { channel: 'C1', ts: '1.1', text: fallback, blocks });
        expect(refuseMessage(fallback, asJson(blocks), true)).toBeUndefined();
        expect(JSON.stringify(blocks).length + 100 * blocks.length).toBeLessThanOrEqual(12_000);
      }),
      { numRuns: runs },
    );
  });

  it('rings nobody and leaves no sign that could move a cursor or turn the direction', () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const drawn = slackCard(card);
        for (const parsed of parsedTexts(drawn)) {
          expect(parsed.replace(/<(?:!date\^\d+\^[^<>|]+\|[^<>|]+|https?:\/\/[^<>|\s]+\|[^<>|]*)>/g, '')).not.toMatch(
            /[<>]/,
          );
        }
        expect(JSON.stringify(drawn)).not.toMatch(
          /\\u00[01]|[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/,
        );
        expect(JSON.stringify(drawn)).not.toMatch(/"type":"(?:user|usergroup|broadcast|channel)"/);
      }),
      { numRuns: runs },
    );
  });

  it('keeps the lines that must be kept, whatever stands around them', () => {
    const kept = fc.uniqueArray(fc.integer({ min: 100, max: 9999 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(anyCard, kept, fc.array(line, { maxLength: 60 }), (card, vmids, others) => {
        const destroys = vmids.map(
          (vmid) => ({ mark: '-', text: `vm-${vmid} (${vmid}) destroy`, keep: true }) as const,
        );
        const rest = others.map((other) => ({ ...other, keep: false }));
        // Warnings of a real card name what these lines name; here they could fill the message alone.
        const around = card.blocks.filter(({ kind }) => kind !== 'lines' && kind !== 'warning');
        const full: Card = { ...card, blocks: [...around, { kind: 'lines', lines: [...rest, ...destroys] }] };
        const drawn = JSON.stringify(slackCard(full).blocks);
        for (const { text: destroy } of destroys) expect(drawn).toContain(`-   ${destroy}`);
      }),
      { numRuns: runs },
    );
  });
});

describe('any form', () => {
  it('breaks no limit of the platform', () => {
    const field = fc.record({
      name: fc.constantFrom('names', 'reason'),
      label: text,
      hint: text,
      required: fc.boolean(),
    });
    const anyForm = fc.record({
      id: fc.constant('px1:confirm:r-41:p-7f3c2a'),
      title: text,
      text: fc.array(text, { maxLength: 5 }),
      fields: fc.uniqueArray(field, { selector: ({ name }) => name, minLength: 1, maxLength: 2 }),
      submit: text,
      danger: fc.boolean(),
    });
    fc.assert(
      fc.property(anyForm, (form) => {
        const view = formView(form, 'C0DEPLOY01', '1795341360.000100');
        record('views.open', { trigger_id: 't', view });
        expect(refuseView({ ...view })).toBeUndefined();
        expect(oneLine(view.title.text)).toBe(view.title.text);
      }),
      { numRuns: runs },
    );
  });
});
