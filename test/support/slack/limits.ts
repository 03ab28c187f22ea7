import type { Json } from './state.ts';

/** Slack's refusal of a message, or `undefined`: the limits of its reference, and those that were only seen. */
export function refuseMessage(text: string, blocks: readonly Json[], isUpdate: boolean): string | undefined {
  if (text === '' && blocks.length === 0) return 'no_text';
  if (isUpdate && Buffer.byteLength(text) > 4000) return 'msg_too_long';
  if (text.length > 40_000) return 'msg_too_long';
  if (blocks.length > 50 || blocks.some((block) => !isValid(block))) return 'invalid_blocks';
  if (JSON.stringify(blocks).length + 100 * blocks.length > 13_200) return 'msg_blocks_too_long';
  return undefined;
}

export function refuseView(view: Json): string | undefined {
  const blocks = list(view['blocks']);
  const short = [view['title'], view['submit'], view['close']].every((part) => within(words(part), 1, 24));
  const metadata = asText(view['private_metadata']).length <= 3000;
  const fits = blocks.length > 0 && blocks.length <= 100 && blocks.every(isValid);
  return short && metadata && fits ? undefined : 'invalid_arguments';
}

function isValid(block: Json): boolean {
  const elements = list(block['elements']);
  if (asText(block['block_id']).length > 255) return false;
  switch (block['type']) {
    case 'header':
      return within(words(block['text']), 1, 150);
    case 'section':
      return within(words(block['text']), 1, 3000);
    case 'context':
      return elements.length > 0 && elements.length <= 10 && elements.every((part) => within(words(part), 1, 3000));
    case 'actions':
      return elements.length > 0 && elements.length <= 25 && elements.every(isButton) && areDistinct(elements);
    case 'input':
      return within(words(block['label']), 1, 2000);
    case 'rich_text':
      return elements.length > 0 && elements.every(isRich);
    default:
      return block['type'] === 'divider';
  }
}

function isButton(button: Json): boolean {
  const confirm = asJson(button['confirm']);
  const asked =
    confirm === undefined ||
    (within(words(confirm['title']), 1, 100) &&
      within(words(confirm['text']), 1, 300) &&
      within(words(confirm['confirm']), 1, 30));
  const label = asText(button['accessibility_label']);
  return (
    asked &&
    label.length <= 75 &&
    within(words(button['text']), 1, 75) &&
    within(button['action_id'], 1, 255) &&
    within(button['value'], 0, 2000)
  );
}

function isRich(part: Json): boolean {
  const elements = list(part['elements']);
  return elements.length > 0 && elements.every((element) => element['type'] !== 'text' || element['text'] !== '');
}

function areDistinct(elements: readonly Json[]): boolean {
  return new Set(elements.map((element) => element['action_id'])).size === elements.length;
}

function words(value: unknown): unknown {
  return asJson(value)?.['text'];
}

function within(text: unknown, min: number, max: number): boolean {
  return typeof text === 'string' && text.length >= min && text.length <= max;
}

export function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

export function asJson(value: unknown): Json | undefined {
  return isJson(value) ? value : undefined;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
