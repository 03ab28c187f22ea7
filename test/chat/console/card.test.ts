import { describe, expect, it } from 'vitest';
import { renderCardPage } from '../../../src/chat/console/card.ts';
import type { Block, Card, Rich } from '../../../src/views/card.ts';
import { manyGuests } from '../../support/many-guests.ts';
import { aCard } from './rig.ts';

const page = (card: Partial<Card>) => renderCardPage(aCard(card)).split('<body class="alone">')[1] ?? '';
const text = (...rich: Rich) => page({ blocks: [{ kind: 'text', rich }] });

describe('renderCardPage', () => {
  it('is whole in itself: no script, nothing to load', () => {
    const whole = renderCardPage(aCard({ title: 'Plan: create 1' }));
    expect(whole).toContain('<!doctype html>');
    expect(whole).toContain('--paper');
    for (const loaded of ['<script', '<link', ' src=', 'url(', '@import']) expect(whole).not.toContain(loaded);
  });

  it('says the state apart from the rest of the title', () => {
    const html = page({ tone: 'bad', title: 'Failed, rolled back: step 5 of 6' });
    expect(html).toContain('class="card tone-bad"');
    expect(html).toContain('<span class="state">Failed, rolled back</span>');
    expect(html).toContain('<span class="rest">step 5 of 6</span>');
    expect(page({ title: 'In sync' })).toContain('<span class="state">In sync</span>');
  });

  it('escapes whatever comes from outside, wherever it stands', () => {
    const bad = `<img src=x onerror=alert(1)>"'&`;
    const row = {
      guest: { name: bad, vmid: 820 },
      action: bad,
      state: 'running',
      image: bad,
      parts: [bad, bad, bad, bad, bad, bad, bad],
      advice: `${bad} \`${bad}\``,
      step: bad,
      note: bad,
      keep: true,
    } as const;
    const blocks: Block[] = [
      { kind: 'text', rich: [bad, { bold: bad }, { code: bad }, { link: `https://x.example/${bad}`, text: bad }] },
      { kind: 'small', rich: [{ person: { chat: 'console', id: 'x', name: bad } }] },
      { kind: 'warning', rich: [bad] },
      { kind: 'lines', lines: [{ text: bad, mark: '-' }] },
      { kind: 'progress', label: bad, text: bad, fraction: 0.5 },
      ...(['plan', 'apply', 'done'] as const).map((of) => ({ kind: 'guests', of, rows: [row] }) as const),
    ];
    const confirm = { title: bad, text: bad, yes: bad };
    const button = { action: 'approve', label: bad, style: 'primary', runId: 'r-1', confirm } as const;
    const html = renderCardPage({
      tone: 'quiet',
      title: bad,
      blocks,
      buttons: [button],
      files: [{ name: bad, title: bad, text: bad }],
    });
    expect(html).not.toMatch(/<img|"'|onerror=alert\(1\)>/);
    expect(html.split('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;').length).toBeGreaterThan(30);
  });

  it('links only to the web', () => {
    expect(text({ link: 'https://git.example.org/a?b=1&c=2', text: 'x' })).toContain(
      '<a href="https://git.example.org/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">x</a>',
    );
    for (const link of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '//x.example', 'x']) {
      expect(text({ link, text: 'click' })).toContain('<span>click</span>');
    }
  });

  it('shows escape sequences and hidden or turning characters as signs', () => {
    const html = text('\u001b[31mred \u202egpj.exe\u202c a\u200bb \u0000 \u2066x\u2069 \u{e0041}');
    for (const sign of ['␛', 'U+202E', 'U+202C', 'U+200B', '␀', 'U+2066', 'U+2069', 'U+E0041']) {
      expect(html).toContain(`<span class="control">${sign}</span>`);
    }
    expect(html).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}\u200b]/u);
  });

  it('leaves other languages, line ends and emoji as they are', () => {
    const words = 'Grüße שלום 你好 👩‍💻\n\tمرحبا';
    expect(text(words)).toContain(words);
  });

  it('puts the mark before the words of a line, and gives no mark where no line has one', () => {
    const marked = page({
      blocks: [{ kind: 'lines', lines: [{ text: 'test-cp', mark: '-/+' }, { text: '  image' }] }],
    });
    expect(marked).toContain('<div class="line replace"><span class="mark" aria-hidden="true">-/+ </span>');
    expect(marked).toContain('<div class="line replace further">');
    expect(page({ blocks: [{ kind: 'lines', lines: [{ text: 'done' }] }] })).not.toContain('class="mark"');
  });

  it('keeps lines that must be seen out of the part that is opened on request', () => {
    const lines = Array.from({ length: 100 }, (_, n) => ({ text: `line ${n}.`, keep: n === 60 }));
    const [seen = '', more = ''] = page({ blocks: [{ kind: 'lines', lines }] }).split('<details');
    expect(seen).toContain('line 60.');
    expect(seen).not.toContain('line 61.');
    expect(more).toContain('39 more lines');
    expect(more).toContain('line 99.');
  });

  it('shows a plan as a table whose cells have heads, with the sign unread and what is long folded', () => {
    const parts = Array.from({ length: 20 }, (_, n) => `fact number ${n}`);
    const rows = [
      { guest: { name: 'test-cp', vmid: 821 }, action: 'replace', mark: '-/+', image: 'build-qcow2-cp', parts },
      { guest: { name: 'test-old', vmid: 818 }, action: 'destroy', mark: '-', parts, keep: true },
      {
        guest: { name: 'test-db', vmid: 824 },
        action: 'update, blocked',
        mark: '!',
        advice: 'Set `storage`.',
        keep: true,
      },
    ] as const;
    const html = page({ blocks: [{ kind: 'guests', of: 'plan', rows }] });
    expect(html.match(/<th role="columnheader" scope="col"[^>]*>[^<]+/g)?.map((head) => head.split('>')[1])).toEqual([
      'Action',
      'Guest',
      'VMID',
      'Changes',
    ]);
    const [replace = '', destroy = '', blocked = ''] = html.split('<tr role="row" class="guest ').slice(1);
    expect(replace).toContain('<span class="mark" aria-hidden="true">-/+</span><span class="verb">replace</span>');
    expect(replace).toContain('<th role="rowheader" scope="row" class="name"><span class="guest-name">test-cp</span>');
    expect(replace).toMatch(/fact number 11<.*<details class="rest-of"><summary>8 more changes<.*fact number 19</);
    expect(destroy).toContain('<details class="rest-of" open="">');
    expect(blocked).toContain('Set <code>storage</code>.');
  });

  it('hides surplus guests behind a line that counts them, and never one that is to be kept', () => {
    const block = manyGuests({ create: 60, destroy: 1 });
    const [seen = '', more = ''] = page({ blocks: [block] }).split('<details class="more">');
    expect(seen).toContain('>vm-060<');
    expect(seen).not.toContain('>vm-059<');
    expect(more).toContain('<summary>36 more guests, all create</summary>');
    expect(more).toContain('>vm-059<');
  });

  it('says of an apply what is done, at work and waiting, with the progress as a value', () => {
    const rows = [
      { action: 'build', state: 'done', step: '2 images', note: '12 s' },
      {
        guest: { name: 'test-cp', vmid: 821 },
        action: 'update',
        state: 'running',
        step: 'import 40 %',
        fraction: 0.4,
        note: '52 s',
        startedAt: 5,
      },
      { guest: { name: 'test-db', vmid: 824 }, action: 'update', state: 'waiting' },
    ] as const;
    const html = page({ blocks: [{ kind: 'guests', of: 'apply', rows }] });
    const [build = '', running = '', waiting = ''] = html.split('<tr role="row" class="guest ').slice(1);
    expect(build).toMatch(/^done">.*>2 images<.*>12 s</);
    expect(running).toMatch(/^running">.*<progress max="1" value="0.4" aria-label="import 40 %">.*>52 s</);
    expect(waiting).toMatch(/^waiting">/);
    expect(waiting).not.toContain('<progress');
  });

  it('tells progress in words and as a value, and no value where none is known', () => {
    const progress = (fraction?: number) =>
      page({
        blocks: [{ kind: 'progress', label: 'import', text: '42 %', ...(fraction === undefined ? {} : { fraction }) }],
      });
    expect(progress(0.42)).toContain('<progress max="1" value="0.42" aria-label="import" aria-valuetext="42 %">');
    expect(progress(7)).toContain('value="1"');
    expect(progress()).toContain('<progress aria-label="import" aria-valuetext="42 %">');
    expect(progress()).toContain('<span class="amount">42 %</span>');
  });

  it('holds the text of its files', () => {
    const html = page({ files: [{ name: 'plan.diff', title: 'Full plan', text: '- a\n+ b' }] });
    expect(html).toContain('plan.diff · 7 B');
    expect(html).toContain('- a\n+ b</pre>');
  });

  it('has no button for a file that lies open below it', () => {
    const file = { name: 'plan.diff', title: 'Full plan', text: '- a' };
    const details = { action: 'details', label: 'Full plan', style: 'plain', runId: 'r-1' } as const;
    expect(page({ files: [file], buttons: [details] })).not.toContain('<button');
    expect(page({ files: [], buttons: [details] })).toContain('Full plan</button>');
  });

  it('gives times in UTC', () => {
    expect(text({ time: Date.UTC(2026, 10, 22, 9, 56), show: 'relative' })).toContain('>2026-11-22 09:56 UTC</time>');
  });
});
