import { h } from './tree.js';

/** As in src/lib/text.ts: control, reordering and invisible characters, and line ends other than the line feed. */
const hidden =
  /((?![\t\n]|[\ufe00-\ufe0f]|\p{Join_Control})[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb])/u;

/**
 * Text from outside. Control, reordering and invisible characters (escape sequences, right-to-left overrides) are shown as
 * visible signs.
 *
 * @param {string} text
 * @returns {import('./tree.js').TreeNode[]}
 */
export function literal(text) {
  // Every second part is what the expression found. A sign is plain data, so one of each is enough.
  /** @type {Map<string, import('./tree.js').TreeNode>} */
  const signs = new Map();
  return text.split(hidden).map((part, index) => {
    if (index % 2 === 0) return part;
    const known = signs.get(part) ?? h('span', { class: 'control' }, sign(part));
    signs.set(part, known);
    return known;
  });
}

/** @param {string} character */
function sign(character) {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
