/** An interaction as its asker lives it: what came back, in order. */
export interface FakeInteraction {
  readonly id: string;
  readonly token: string;
  /** Milliseconds since the epoch, on the server's clock. */
  readonly at: number;
  /** Late by decree: Discord waits for no answer any more. */
  expired: boolean;
  /** The first answer. */
  first?: { readonly type: number; readonly data: Readonly<Record<string, unknown>> };
  /** What stands in place of "Thinking …". */
  original?: Readonly<Record<string, unknown>>;
  dropped: boolean;
  readonly followUps: {
    readonly body: Readonly<Record<string, unknown>>;
    readonly files: ReadonlyMap<string, string>;
  }[];
}

/** Every text the asker got, joined: first answer, edit and follow-ups. */
export function saidTo(interaction: FakeInteraction): string {
  const bodies = [interaction.first?.data, interaction.original, ...interaction.followUps.map(({ body }) => body)];
  return bodies.flatMap((body) => [...texts(body)]).join('\n');
}

/** The ids of the buttons the asker can press. */
export function buttonsOf(interaction: FakeInteraction): string[] {
  const bodies = [interaction.first?.data, interaction.original, ...interaction.followUps.map(({ body }) => body)];
  return bodies.flatMap((body) => [...pick(body, 'custom_id')]);
}

/** All words in a body: contents, titles and labels. */
export function textOf(body: unknown): string {
  return [...texts(body)].join('\n');
}

function* texts(value: unknown): Generator<string> {
  for (const key of ['content', 'title', 'label', 'description']) yield* pick(value, key);
}

/** Every text under a key, anywhere in a body. */
export function* pick(value: unknown, key: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === key && typeof inner === 'string') yield inner;
    else yield* pick(inner, key);
  }
}
