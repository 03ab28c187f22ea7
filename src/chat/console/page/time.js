/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/**
 * A time on the reader's own clock. `time` includes the day unless it is today.
 *
 * @param {number} at
 * @param {import('./card-view.d.ts').TimeStyle} show
 */
export function formatTime(at, show) {
  const when = new Date(at);
  if (show === 'date-time') return full.format(when);
  if (show === 'elapsed') return duration(Date.now() - at);
  if (show === 'relative') return formatRelative(at - Date.now());
  const today = when.toDateString() === new Date().toDateString();
  return today ? clock.format(when) : `${date.format(when)}, ${clock.format(when)}`;
}

/** @param {number} ms */
function formatRelative(ms) {
  const [unit, size] = units.find(([, length]) => Math.abs(ms) >= length) ?? ['second', 1000];
  return unit === 'second' ? (ms > 0 ? 'in a moment' : 'just now') : relative.format(Math.round(ms / size), unit);
}

/**
 * `52 s`, `3 min 41 s`, `1 h 5 min`, `3 d 4 h`.
 *
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Updates every shown time: a duration that goes on each second, the others now and then. */
export function refreshTimes() {
  setInterval(() => refresh(['elapsed']), 1000);
  setInterval(() => refresh(['relative', 'time']), 15_000);
}

/** @param {import('./card-view.d.ts').TimeStyle[]} styles */
function refresh(styles) {
  for (const show of styles) {
    for (const element of document.querySelectorAll(`time[data-show="${show}"]`)) {
      const text = formatTime(Date.parse(element.getAttribute('datetime') ?? ''), show);
      // The text node stays the same one, because a redraw writes into it.
      if (element.firstChild !== null && element.textContent !== text) element.firstChild.nodeValue = text;
    }
  }
}
