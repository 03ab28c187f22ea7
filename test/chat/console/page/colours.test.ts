import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../../src/chat/console/page/card.css', import.meta.url), 'utf8');
const colours = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name, light, dark]) => [
    name,
    { light, dark },
  ]),
);
const texts = ['ink', 'quiet', 'link', 'blue', 'amber', 'green', 'red', 'violet', 'grey'];
const grounds = ['paper', 'surface', 'sunken'];

/** WCAG 2.2: 4.5 for text (1.4.3), 3 for the edges of what can be used (1.4.11). */
describe.each(['light', 'dark'] as const)('the %s colours', (theme) => {
  it.each(texts.flatMap((text) => grounds.map((ground) => [text, ground] as const)))(
    'can be read: %s on %s',
    (text, ground) => {
      expect(contrast(colour(text, theme), colour(ground, theme))).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(grounds)('show the edge of a field and the focus on %s', (ground) => {
    expect(contrast(colour('edge-strong', theme), colour(ground, theme))).toBeGreaterThanOrEqual(3);
    expect(contrast(colour('focus', theme), colour(ground, theme))).toBeGreaterThanOrEqual(3);
  });

  it('can be read on buttons', () => {
    expect(contrast(colour('on-primary', theme), colour('primary', theme))).toBeGreaterThanOrEqual(4.5);
    expect(contrast('#ffffff', colour('danger', theme))).toBeGreaterThanOrEqual(4.5);
  });
});

function colour(name: string, theme: 'light' | 'dark'): string {
  const found = colours.get(name)?.[theme];
  if (found === undefined) throw new Error(`card.css has no colour --${name}`);
  return found;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** WCAG's relative luminance of an sRGB colour. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
