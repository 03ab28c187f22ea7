import type { Rich } from './card.ts';

export interface FormField {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly required: boolean;
  readonly multiline?: boolean;
}

/** A question with a few fields: a modal where the chat has one. */
export interface Form {
  /** Ids only, like a button's: `px1:confirm:r-41:p-7f3c2a`. */
  readonly id: string;
  readonly title: string;
  readonly text: Rich;
  readonly fields: readonly FormField[];
  readonly submit: string;
  readonly danger: boolean;
}
