import type { Rich, Span } from '../../../views/card.ts';
import type { WireButton, WireCard, WireFile } from '../message-store.ts';

export interface ElementNode {
  readonly tag: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly TreeNode[];
  readonly key?: string;
  readonly keep?: boolean;
}

export type TreeNode = ElementNode | string;

export type CardData = WireCard;
export type ButtonData = WireButton;
export type FileData = WireFile;
/** `elapsed`: how long ago it was, as a duration that goes on. */
export type TimeStyle = Extract<Span, { time: number }>['show'] | 'elapsed';
export type FormatTime = (at: number, show: TimeStyle) => string;

export interface ViewOptions {
  /** The element's id, unique in the page. */
  readonly id: string;
  /** Of its heading. */
  readonly level: 1 | 2 | 3 | 4;
  readonly time: FormatTime;
  /** It stands in the console: times go on, and runs have a page. */
  readonly live?: boolean;
}

export function cardView(card: CardData, options: ViewOptions): ElementNode;
export function splitTitle(title: string): { readonly state: string; readonly rest: string };
export function richView(rich: Rich, options: Pick<ViewOptions, 'time' | 'live'>): TreeNode[];
export function timeView(at: number, show: TimeStyle, time: FormatTime): ElementNode;
