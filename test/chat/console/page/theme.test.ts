import { expect, it } from 'vitest';
import { paper, withSite } from './site.ts';

withSite('the theme of the page', (site) => {
  it('follows the system', async () => {
    const page = await site.visit({ colorScheme: 'light' });
    const light = await paper(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await paper(page)).not.toBe(light);
  });

  it('stays as its reader chose, also after a reload', async () => {
    const page = await site.visit({ colorScheme: 'light' });
    const light = await paper(page);
    await page.getByRole('button', { name: 'Theme: auto' }).click();
    expect(await paper(page)).toBe(light);
    await page.getByRole('button', { name: 'Theme: light' }).click();
    const dark = await paper(page);
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    expect(await paper(page)).toBe(dark);
  });
});
