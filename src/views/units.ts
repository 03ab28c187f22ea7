import type { Block, Line } from './card.ts';
import { guestLines } from './guest-lines.ts';
import { count } from './parts.ts';

/** What a chat without tables shows or leaves out as a whole: a guest with all its lines, or one line. */
export interface Unit<One extends Line = Line> {
  readonly lines: readonly One[];
  /** Of a guest: what is done to it. */
  readonly action?: string;
}

/** The units of a block, in its order. */
export function unitsOf(block: Extract<Block, { kind: 'lines' | 'guests' }>): readonly Unit[] {
  if (block.kind === 'lines') return block.lines.map((line) => ({ lines: [line] }));
  return guestLines(block).map((lines, index) => ({ lines, action: block.rows[index]?.action ?? '' }));
}

/**
 * Fills the room of a message with units. Those to keep come first, with their first lines before their others, so that
 * each of them is named; then the others from the first on, each whole or not at all.
 */
export class UnitsInRoom<One extends Line> {
  readonly #units: readonly Unit<One>[];
  /** How many lines of each unit are shown. */
  readonly #shown: number[];

  constructor(units: readonly Unit<One>[]) {
    this.#units = units;
    this.#shown = units.map(() => 0);
  }

  /** @param take takes room for lines; false, and no room is taken, where they do not fit */
  takeKept(take: (lines: readonly One[]) => boolean): void {
    const kept = [...this.#units.entries()].filter(([, unit]) => isKept(unit));
    for (const [index, { lines }] of kept) {
      if (!take(lines.slice(0, 1))) return;
      this.#shown[index] = 1;
    }
    for (const [index, { lines }] of kept) if (take(lines.slice(1))) this.#shown[index] = lines.length;
  }

  /** The same for the units that may be left out. */
  takeOthers(take: (lines: readonly One[]) => boolean): void {
    for (const [index, unit] of this.#units.entries()) {
      if (isKept(unit)) continue;
      if (!take(unit.lines)) return;
      this.#shown[index] = unit.lines.length;
    }
  }

  /** The lines that are shown, in their order. */
  lines(): readonly One[] {
    return this.#units.flatMap(({ lines }, index) => lines.slice(0, this.#shown[index]));
  }

  /** The lines that are left out, in their order. */
  missing(): readonly One[] {
    return this.#units.flatMap(({ lines }, index) => lines.slice(this.#shown[index]));
  }

  /** How many units to keep are left out. */
  lost(): number {
    return this.#hidden().filter(isKept).length;
  }

  /** `31 more guests, all create`, `3 more lines`, `more of 2 guests`; empty where nothing is left out. */
  more(): string {
    const hidden = this.#hidden();
    const partly = this.#units.filter(({ lines }, index) => {
      const shown = this.#shown[index] ?? 0;
      return shown > 0 && shown < lines.length;
    });
    return [
      ...(hidden.length === 0 ? [] : [moreOf(hidden)]),
      ...(partly.length === 0 ? [] : [`more of ${count(partly.length, 'guest')}`]),
    ].join(', ');
  }

  #hidden(): readonly Unit<One>[] {
    return this.#units.filter((_, index) => this.#shown[index] === 0);
  }
}

function isKept({ lines }: Unit): boolean {
  return lines.some(({ keep }) => keep === true);
}

function moreOf(hidden: readonly Unit[]): string {
  const [first] = hidden;
  if (first?.action === undefined) return count(hidden.length, 'more line');
  const guests = count(hidden.length, 'more guest');
  if (hidden.length === 1) return `${guests}, ${first.action}`;
  return hidden.every(({ action }) => action === first.action) ? `${guests}, all ${first.action}` : guests;
}
