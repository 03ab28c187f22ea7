import { literal } from './text.js';
import { h } from './tree.js';

/**
 * @param {import('../../../views/card.ts').Rich} rich
 * @param {import('./card-view.d.ts').FormatTime} time
 */
export function richView(rich, time) {
  return rich.map((span) => spanView(span, time));
}

/**
 * @param {import('../../../views/card.ts').Span} span
 * @param {import('./card-view.d.ts').FormatTime} time
 */
function spanView(span, time) {
  if (typeof span === 'string') return literal(span);
  if ('bold' in span) return h('strong', {}, literal(span.bold));
  if ('code' in span) return h('code', {}, literal(span.code));
  if ('link' in span) return linkView(span);
  if ('time' in span) return timeView(span.time, span.show, time);
  return h('span', { class: 'person' }, literal(span.person.name));
}

/**
 * @param {number} at
 * @param {import('./card-view.d.ts').TimeStyle} show
 * @param {import('./card-view.d.ts').FormatTime} time
 */
export function timeView(at, show, time) {
  const datetime = new Date(at).toISOString();
  return h('time', { datetime, 'data-show': show, title: time(at, 'date-time') }, time(at, show));
}

/** @param {{ link: string, text: string }} span */
function linkView({ link, text }) {
  // Only the web: a `javascript:` or `file:` address stays words.
  const url = URL.canParse(link) ? new URL(link) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return h('span', {}, literal(text));
  return h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, literal(text));
}
