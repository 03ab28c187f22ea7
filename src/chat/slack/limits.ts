/**
 * Slack's limits, in UTF-16 units unless noted (reference of Block Kit, July 2026); smaller numbers where Slack's own are
 * undocumented.
 */
export const limits = {
  header: 150,
  context: 3000,
  button: 75,
  accessibility: 75,
  confirm: { title: 100, text: 300, button: 30 },
  url: 3000,
  modal: { title: 24, button: 24, metadata: 3000, label: 2000, hint: 2000, typed: 3000, error: 2000 },
  file: { name: 255, title: 255 },
} as const;

/**
 * The limit behind `msg_blocks_too_long` is undocumented: Slack has answered it from about 13,200 characters of JSON, plus 100
 * for each block (bolt-js 2509 and 2867). This value is below.
 */
export const room = { message: 11_900, perBlock: 100, blocks: 24, buttons: 4500, lines: 8000, line: 400 } as const;

/** Bytes of the escaped `text`: chat.update has refused 4000 (`msg_too_long`), although the reference allows more. */
export const fallbackBytes = 2900;

/** The cost of a block in `room.message`. */
export function weigh(block: object): number {
  return JSON.stringify(block).length + room.perBlock;
}
