import { expect, it } from 'vitest';
import { aCard } from '../rig.ts';
import { approve, tooWide, withSite } from './site.ts';

withSite('text from outside on the page', (site) => {
  it('is never markup, wherever it stands', async () => {
    const bad = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    const long = 'y'.repeat(10_000);
    const card = aCard({
      title: `Plan: ${bad}`,
      blocks: [
        { kind: 'text', rich: [bad, '**bold** `x`', { link: 'javascript:hacked=1', text: 'a link' }, '\u001b[31m'] },
        { kind: 'lines', lines: [{ text: bad, mark: '-' }, { text: long }] },
        { kind: 'small', rich: ['\u202egpj.exe', { person: { chat: 'slack', id: 'U1', name: bad } }] },
      ],
      buttons: [{ ...approve, label: `Approve ${bad}`, confirm: { title: bad, text: bad, yes: bad } }],
      files: [{ name: bad, title: bad, text: `${bad}\u001b[2J` }],
    });
    site.handlers.answer = () => ({ kind: 'card', card });
    await site.show(card);
    const page = await site.visit({ viewport: { width: 360, height: 740 } });
    const shown = page.getByRole('main').getByRole('article');
    for (const text of [bad, '**bold** `x`', 'a link', '␛', 'U+202E', long]) {
      expect(await shown.textContent()).toContain(text);
    }
    await shown.locator('summary').click();
    await shown.locator('pre').getByText('␛').waitFor();
    await shown.locator('button[data-button]').click();
    await page.getByRole('dialog').getByRole('button').first().click();
    const answer = page.getByRole('list', { name: 'Answers to you' }).getByRole('article');
    await answer.waitFor();
    expect(await answer.textContent()).toContain(bad);
    expect(await page.locator('img, article script, article a[href^=javascript]').count()).toBe(0);
    expect(await page.evaluate<boolean>("'hacked' in window")).toBe(false);
    expect(await tooWide(page)).toBe(0);
  });

  it('could not become markup by a mistake of ours: the browser refuses', async () => {
    const page = await site.visit();
    const attempt = "try { document.body.innerHTML = '<b>x</b>'; 'taken' } catch (error) { error.name }";
    expect(await page.evaluate<string>(attempt)).toBe('TypeError');
  });
});
