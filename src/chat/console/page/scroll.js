/** Pixels from the end that still count as reading along. */
const slack = 48;

export function isAtEnd() {
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  return scrollHeight - scrollTop - clientHeight < slack;
}

export function toEnd() {
  document.documentElement.scrollTop = document.documentElement.scrollHeight;
}

/** Whatever grows at the end (an answer, the keyboard of a phone) must not push the newest card out of sight. */
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
