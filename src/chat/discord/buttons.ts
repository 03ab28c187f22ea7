import { type APIActionRowComponent, type APIButtonComponent, ButtonStyle, ComponentType } from 'discord.js';
import { type Button, buttonId, readButtonId } from '../../views/card.ts';
import { cut, oneLine } from './text.ts';

const perRow = 5;
const maxRows = 2;
/** Discord takes 80 characters and shows about 38. */
const maxLabel = 38;

/**
 * Rows of buttons. `Button.confirm` is not drawn: Discord has no dialog for it, and a press that needs more than a
 * press (a destroy) is answered with a form anyway. A button whose id cannot be read back would only ever be refused,
 * and two with one id make Discord refuse the message: neither is drawn.
 */
export function buttonRows(buttons: readonly Button[]): APIActionRowComponent<APIButtonComponent>[] {
  const byId = new Map(buttons.map((button) => [buttonId(button), button]));
  const drawn = [...byId].filter(([id]) => readButtonId(id) !== undefined).slice(0, perRow * maxRows);
  const rows: APIActionRowComponent<APIButtonComponent>[] = [];
  for (let start = 0; start < drawn.length; start += perRow) {
    const components = drawn.slice(start, start + perRow).map(([id, button]) => drawButton(id, button));
    rows.push({ type: ComponentType.ActionRow, components });
  }
  return rows;
}

function drawButton(id: string, button: Button): APIButtonComponent {
  const label = cut(oneLine(button.label).trim(), maxLabel);
  return { type: ComponentType.Button, style: styleOf(button), label: label || button.action, custom_id: id };
}

function styleOf(
  button: Button,
): ButtonStyle.Danger | ButtonStyle.Success | ButtonStyle.Primary | ButtonStyle.Secondary {
  if (button.style === 'danger') return ButtonStyle.Danger;
  if (button.style === 'plain') return ButtonStyle.Secondary;
  return button.action === 'approve' ? ButtonStyle.Success : ButtonStyle.Primary;
}
