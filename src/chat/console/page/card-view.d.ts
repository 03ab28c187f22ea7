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
export type TimeStyle = Extract<Span, { time: number }>['show'];
export type FormatTime = (at: number, show: TimeStyle) => string;

export interface ViewOptions {
  /** The element's id, unique in the page. */
  readonly id: string;
  /** Of its heading. */
  readonly level: 1 | 2 | 3;
  readonly time: FormatTime;
}

export function cardView(card: CardData, options: ViewOptions): ElementNode;
export function splitTitle(title: string): { readonly state: string; readonly rest: string };
export function richView(rich: Rich, time: FormatTime): TreeNode[];
export function timeView(at: number, show: TimeStyle, time: FormatTime): ElementNode;
