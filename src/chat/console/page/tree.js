/**
 * What a piece of the page shall look like, as plain data: drawn by patch.js in a browser and by html.ts as text. There
 * is no way to put markup in here, only text.
 *
 * @typedef {object} ElementNode
 * @property {string} tag
 * @property {Readonly<Record<string, string>>} attrs
 * @property {readonly TreeNode[]} children
 * @property {string} [key] the same key in the next drawing is the same element
 * @property {boolean} [keep] its children belong to somebody else and stay as they are
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
