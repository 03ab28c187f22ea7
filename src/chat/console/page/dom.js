/**
 * An element of index.html.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} #${id}`);
}

/** @typedef {import('./tree.js').TreeNode} TreeNode */
/** @typedef {import('./tree.js').ElementNode} ElementNode */

/** The last drawing of each element, so that attributes set elsewhere (open, busy) stay. @type {WeakMap<Element, ElementNode>} */
const drawn = new WeakMap();

/**
 * Makes the children of `parent` equal to `children` and leaves equal ones untouched, so that focus, selection, open details
 * and scroll position stay. Text only becomes text nodes.
 *
 * @param {Element} parent
 * @param {readonly TreeNode[]} children
 */
export function patch(parent, children) {
  const wanted = new Set(children.map(keyOf).filter((key) => key !== undefined));
  const known = keyed(parent);
  /** @type {ChildNode | null} */
  let cursor = parent.firstChild;
  for (const child of children) {
    // Removed elements are taken out first, because moving the remaining ones would lose their focus.
    while (cursor !== null && isGone(cursor, wanted)) cursor = removed(cursor);
    const key = keyOf(child);
    const found = key === undefined ? reusable(cursor, child) : known.get(key);
    const node = found !== undefined && fits(found, child) ? found : create(child);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
    draw(node, child);
  }
  while (cursor !== null) cursor = removed(cursor);
}

/**
 * @param {ChildNode} node
 * @param {TreeNode} child
 */
function draw(node, child) {
  if (typeof child === 'string') {
    if (node.nodeValue !== child) node.nodeValue = child;
    return;
  }
  if (!(node instanceof Element)) return;
  const before = drawn.get(node)?.attrs ?? {};
  for (const [name, value] of Object.entries(child.attrs)) {
    if (before[name] !== value) node.setAttribute(name, value);
  }
  for (const name of Object.keys(before)) {
    if (!(name in child.attrs)) node.removeAttribute(name);
  }
  drawn.set(node, child);
  if (child.keep !== true) patch(node, child.children);
}

/**
 * @param {TreeNode} child
 * @returns {ChildNode}
 */
function create(child) {
  return typeof child === 'string' ? document.createTextNode(child) : document.createElement(child.tag);
}

/** @param {TreeNode} child */
function keyOf(child) {
  return typeof child === 'string' ? undefined : child.key;
}

/** @param {Element} parent */
function keyed(parent) {
  /** @type {Map<string, ChildNode>} */
  const found = new Map();
  for (const element of parent.children) {
    const key = drawn.get(element)?.key;
    if (key !== undefined) found.set(key, element);
  }
  return found;
}

/**
 * @param {ChildNode} node
 * @param {ReadonlySet<string>} wanted
 */
function isGone(node, wanted) {
  if (!(node instanceof Element)) return false;
  const key = drawn.get(node)?.key;
  return key !== undefined && !wanted.has(key);
}

/**
 * The node, when it has no key and can be reused for the child; else `undefined`.
 *
 * @param {ChildNode | null} node
 * @param {TreeNode} child
 */
function reusable(node, child) {
  if (node === null || !fits(node, child)) return undefined;
  return node instanceof Element && drawn.get(node)?.key !== undefined ? undefined : node;
}

/**
 * @param {ChildNode} node
 * @param {TreeNode} child
 */
function fits(node, child) {
  if (typeof child === 'string') return node.nodeType === Node.TEXT_NODE;
  return node instanceof Element && node.localName === child.tag;
}

/** @param {ChildNode} node */
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

const region = element('live', HTMLElement);

/** Announces a text to screen readers politely. @param {string} text */
export function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  region.append(line);
  while (region.childElementCount > 5) region.firstElementChild?.remove();
}

/** Pixels from the end within which the reader counts as being at the end. */
const slack = 48;

export function isAtEnd() {
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  return scrollHeight - scrollTop - clientHeight < slack;
}

export function toEnd() {
  document.documentElement.scrollTop = document.documentElement.scrollHeight;
}

/** Keeps the newest card in sight when something grows at the end (an answer, the keyboard of a phone). */
export function keepEnd() {
  let atEnd = true;
  addEventListener(
    'scroll',
    () => {
      atEnd = isAtEnd();
    },
    { passive: true },
  );
  const stay = () => {
    if (atEnd) toEnd();
  };
  const size = new ResizeObserver(stay);
  for (const part of document.querySelectorAll('main, .dock')) size.observe(part);
  addEventListener('resize', stay);
}

/** Sets up every dialog: a button that closes it, and a place for the focus when its opener is gone. */
export function watchDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.closest('[data-close]') !== null) dialog.close();
    });
    dialog.addEventListener('close', () => {
      const active = document.activeElement;
      if (active === null || active === document.body) {
        element('command', HTMLInputElement).focus({ preventScroll: true });
      }
    });
  }
}
