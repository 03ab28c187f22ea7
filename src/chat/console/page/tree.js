/**
 * A piece of the page as plain data. dom.js draws it in a browser, ../card.ts as HTML text. It can hold text, never markup.
 *
 * @typedef {object} ElementNode
 * @property {string} tag
 * @property {Readonly<Record<string, string>>} attrs
 * @property {readonly TreeNode[]} children
 * @property {string} [key] the same key in the next drawing is the same element
 * @property {boolean} [keep] other code owns its children; they stay unchanged
 *
 * @typedef {ElementNode | string} TreeNode
 * @typedef {TreeNode | undefined | false | readonly Child[]} Child
 */

/**
 * @param {string} tag
 * @param {Record<string, string | number | boolean | undefined>} attrs `key` and `keep` are for the drawing; a `true`
 *   is an attribute without a value, `false` and `undefined` are none.
 * @param {...Child} children
 * @returns {ElementNode}
 */
export function h(tag, { key, keep, ...rest }, ...children) {
  /** @type {Record<string, string>} */
  const attrs = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined && value !== false) attrs[name] = value === true ? '' : String(value);
  }
  return {
    tag,
    attrs,
    children: flat(children),
    ...(key === undefined ? {} : { key: String(key) }),
    ...(keep === true ? { keep } : {}),
  };
}

/**
 * @param {readonly Child[]} children
 * @returns {TreeNode[]}
 */
function flat(children) {
  return children.flatMap((child) => {
    if (child === undefined || child === false || child === '') return [];
    if (typeof child === 'string' || 'tag' in child) return [child];
    return flat(child);
  });
}
