import { expect, it } from 'vitest';
import { cancel, description, isFocused, plan, running, withSite } from './site.ts';

withSite('buttons of the page', (site) => {
  it('press, and say a refusal to the reader alone until it is dismissed', async () => {
    await site.show(plan);
    site.handlers.answer = () => ({ kind: 'note', text: 'Only deployers may approve.', code: 'not-an-approver' });
    const [mine, other] = [await site.visit(), await site.visit()];
    await mine.getByRole('button', { name: 'Approve' }).click();
    const note = mine.getByRole('list', { name: 'Answers to you' }).getByRole('listitem');
    await note.getByText('Only deployers may approve. not-an-approver').waitFor();
    expect(site.handlers.presses).toMatchObject([{ action: 'approve', runId: 'r-1', planId: 'p-abc123' }]);
    expect(await other.getByText('Only deployers').count()).toBe(0);
    await note.getByRole('button', { name: 'Dismiss' }).click();
    await note.waitFor({ state: 'detached' });
  });

  it('answer in one place: an answer goes when the next comes, or by Escape wherever the focus is', async () => {
    await site.show(plan);
    const page = await site.visit();
    const note = page.getByRole('list', { name: 'Answers to you' }).getByRole('listitem');
    for (const text of ['First.', 'Second.']) {
      site.handlers.answer = () => ({ kind: 'note', text });
      await page.getByRole('button', { name: 'Approve' }).click();
      await note.getByText(text).waitFor();
      expect(await note.count()).toBe(1);
    }
    await page.getByRole('link', { name: 'Fleet', exact: true }).focus();
    await page.keyboard.press('Escape');
    await note.waitFor({ state: 'detached' });
  });

  it('ask before a press that wants it; Escape and Back press nothing', async () => {
    await site.show(running(1));
    const page = await site.visit();
    const button = page.getByRole('button', { name: cancel.label });
    const dialog = page.getByRole('dialog', { name: 'Stop?' });
    await button.click();
    await dialog.getByText('What is done stays done.').waitFor();
    expect(await isFocused(dialog.getByRole('button', { name: 'Back' }))).toBe(true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await isFocused(button)).toBe(true);
    await button.click();
    await dialog.getByRole('button', { name: 'Back' }).click();
    await button.click();
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => site.handlers.presses.length).toBe(1);
  });

  it('are pressed once however often they are clicked while the answer is under way', async () => {
    await site.show(plan);
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    site.handlers.answer = () => answered.then(() => ({ kind: 'none' }));
    const page = await site.visit();
    const button = page.getByRole('button', { name: 'Approve' });
    await button.click();
    await page.locator('button[aria-busy=true]').waitFor();
    await button.click();
    answer();
    await page.locator('button[aria-busy=true]').waitFor({ state: 'detached' });
    expect(site.handlers.presses).toHaveLength(1);
  });

  it('keep a form open beside a wrong field, with what was typed, until it is right', async () => {
    await site.show(plan);
    const fields = [{ name: 'names', label: 'Type the name', required: true, hint: 'As in the plan.' }];
    const ids = { id: 'px1:confirm:r-1:p-abc123', title: 'Destroy 1 guest?', submit: 'Destroy' };
    site.handlers.answer = () => ({ kind: 'form', form: { ...ids, text: [], fields, danger: true } });
    const page = await site.visit();
    await page.getByRole('button', { name: 'Approve' }).click();
    const dialog = page.getByRole('dialog', { name: 'Destroy 1 guest?' });
    const field = dialog.getByRole('textbox', { name: 'Type the name' });
    // The dialog is drawn after the click was answered.
    await expect.poll(() => isFocused(field)).toBe(true);
    site.handlers.answer = () => ({ kind: 'invalid', field: 'names', text: 'This is not its name.' });
    await page.keyboard.type('website');
    await page.keyboard.press('Enter');
    await dialog.getByText('This is not its name.').waitFor();
    expect(await field.inputValue()).toBe('website');
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    expect(await description(field)).toBe('As in the plan. This is not its name.');
    expect(await isFocused(field)).toBe(true);
    site.handlers.answer = () => ({ kind: 'none' });
    await field.fill('test-website');
    await dialog.getByRole('button', { name: 'Destroy' }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(site.handlers.submissions.map(({ formId, values }) => [formId, values])).toEqual([
      [ids.id, { names: 'website' }],
      [ids.id, { names: 'test-website' }],
    ]);
  });

  it('open a form empty, whatever was typed into the one before', async () => {
    await site.show(plan);
    const fields = [{ name: 'reason', label: 'Reason', required: false, multiline: true }];
    const form = { id: 'px1:reject:r-1:', title: 'Reject?', text: [], fields, submit: 'Reject', danger: false };
    site.handlers.answer = () => ({ kind: 'form', form });
    const page = await site.visit();
    const field = page.getByRole('textbox', { name: 'Reason' });
    for (let time = 0; time < 2; time += 1) {
      await page.getByRole('button', { name: 'Approve' }).click();
      expect(await field.inputValue()).toBe('');
      await field.fill('not today');
      await page.getByRole('button', { name: 'Back' }).click();
      await field.waitFor({ state: 'hidden' });
    }
    expect(site.handlers.submissions).toEqual([]);
  });
});
