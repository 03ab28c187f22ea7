const place = 'proxnix-history';
const most = 50;

/** Lines that were sent, oldest first; they outlive the page in this browser. @type {string[]} */
let lines = read();
let at = lines.length;
let draft = '';

/** @param {string} line */
export function remember(line) {
  lines = [...lines.filter((known) => known !== line), line].slice(-most);
  at = lines.length;
  try {
    localStorage.setItem(place, JSON.stringify(lines));
  } catch {
    // A browser that keeps nothing still has this page's history.
  }
}

/**
 * An older or newer line; the newest of all is what was being typed.
 *
 * @param {1 | -1} by
 * @param {string} typed
 */
export function recall(by, typed) {
  if (at === lines.length) draft = typed;
  at = Math.min(lines.length, Math.max(0, at + by));
  return lines[at] ?? draft;
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(place) ?? '[]');
    return Array.isArray(kept) ? kept.filter((line) => typeof line === 'string').slice(-most) : [];
  } catch {
    return [];
  }
}
