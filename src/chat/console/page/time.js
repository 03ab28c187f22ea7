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
  if (show === 'relative') return formatRelative(at - Date.now());
  const today = when.toDateString() === new Date().toDateString();
  return today ? clock.format(when) : `${date.format(when)}, ${clock.format(when)}`;
}

/** @param {number} ms */
function formatRelative(ms) {
  const [unit, size] = units.find(([, length]) => Math.abs(ms) >= length) ?? ['second', 1000];
  return unit === 'second' ? (ms > 0 ? 'in a moment' : 'just now') : relative.format(Math.round(ms / size), unit);
}

/** Updates every shown time. */
export function refreshTimes() {
  setInterval(() => {
    for (const element of document.querySelectorAll('time[data-show]')) {
      const show = element.getAttribute('data-show');
      const at = Date.parse(element.getAttribute('datetime') ?? '');
      if (show === 'relative' || show === 'time') element.textContent = formatTime(at, show);
    }
  }, 15_000);
}
