const tokens =
  /\\([^0-9A-Za-z\s])|```(?:diff)?\n([\s\S]*?)\n```|`([^`]+)`|\*\*|^-# |^## |\[((?:\\.|[^\]\\])*)\]\([^)]*\)/gm;

/** The words of Discord's Markdown as a reader sees them. */
export function wordsOf(markdown: string): string {
  const words = markdown.replace(tokens, (_, escaped?: string, fenced?: string, code?: string, link?: string) => {
    if (link !== undefined) return wordsOf(link);
    return escaped ?? fenced ?? code ?? '';
  });
  return words.replaceAll('\u200b', '');
}
