/** The single tags of a list with any of the separators the server takes. */
export function splitTags(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((tag) => tag !== '');
}

/**
 * Tags as an update stores them (9.2.11, 8.4.1): lower case, sorted, without doubles, joined with `;`.
 * An empty list is stored as one space. The datacenter option `tag-style: case-sensitive=1` keeps the case.
 */
export function normaliseTags(text: string, isCaseSensitive = false): string {
  const tags = splitTags(isCaseSensitive ? text : text.toLowerCase());
  return [...new Set(tags)].toSorted().join(';') || ' ';
}
