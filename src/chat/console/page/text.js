import { h } from './tree.js';

/** Controls other than tab and newline, what turns the direction of text, and what is there without being seen. */
const hidden = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u00ad\u200b\u2028\u2029\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/u;

/**
 * Text from outside: what would act on the reader's screen or eye (escape sequences, right-to-left overrides) is shown
 * as a sign instead.
 *
 * @param {string} text
 * @returns {import('./tree.js').TreeNode[]}
 */
export function literal(text) {
  return text
    .split(new RegExp(`(${hidden.source})`, 'u'))
    .map((part) => (hidden.test(part) ? h('span', { class: 'control' }, sign(part)) : part));
}

/** @param {string} character */
function sign(character) {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
