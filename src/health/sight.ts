/** One check at one look; `text` without its name. */
export interface Sight {
  readonly ok: boolean;
  readonly text: string;
}
