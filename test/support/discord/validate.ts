/**
 * What Discord refuses in a body with 50035 (or a 500), written from its documentation and apart from the code under
 * test: https://discord.com/developers/docs/components/reference and /resources/message.
 */

type Json = Readonly<Record<string, unknown>>;

export interface MessageContext {
  readonly where: 'create' | 'edit' | 'reply' | 'followup';
  /** File names sent along. */
  readonly files: readonly string[];
}

const v2 = 1 << 15;
const v2Types: readonly unknown[] = [9, 10, 11, 12, 13, 14, 17];
const half = /\p{Surrogate}/u;

/** Problems of a message body, `path: reason`; empty when Discord takes it. */
export function messageProblems(body: Json, { where, files }: MessageContext): string[] {
  const problems: string[] = [];
  const say = (path: string, reason: string) => problems.push(`${path}: ${reason}`);
  const flags = typeof body['flags'] === 'number' ? body['flags'] : 0;
  const isV2 = (flags & v2) !== 0;
  const all = [...walk(list(body['components']), 'components')];
  const top = list(body['components']);

  if (isV2 && body['content']) say('content', 'not allowed with IS_COMPONENTS_V2');
  if (isV2 && list(body['embeds']).length > 0) say('embeds', 'not allowed with IS_COMPONENTS_V2');
  if (isV2 && top.length === 0) say('components', 'BASE_TYPE_REQUIRED');
  if (!isV2 && top.length > 5) say('components', 'more than 5 rows');
  if (all.length > 40) say('components', `${all.length} components, more than 40`);
  if (typeof body['content'] === 'string' && chars(body['content']) > 2000) say('content', 'BASE_TYPE_MAX_LENGTH');
  const empty = !body['content'] && top.length === 0 && files.length === 0;
  if (empty && where !== 'edit') say('', 'Cannot send an empty message');
  if ((flags & 64) !== 0 && (where === 'create' || where === 'edit')) say('flags', 'EPHEMERAL cannot be set here');

  const customIds = new Set<unknown>();
  let text = 0;
  let bytes = 0;
  for (const { component, path, parent } of all) {
    const { type } = component;
    if (v2Types.includes(type) && !isV2) say(path, `component ${Number(type)} needs IS_COMPONENTS_V2`);
    if (type === 17 && parent !== undefined) say(path, 'a container in a container');
    if (type === 17 && list(component['components']).length === 0) say(path, 'an empty container');
    if (type === 10) {
      const content = words(component['content']);
      text += chars(content);
      bytes += Buffer.byteLength(content) + 12;
      if (content.trim() === '') say(`${path}.content`, 'BASE_TYPE_REQUIRED');
    }
    if (type === 1) rowProblems(component, path, say);
    if (type === 2) buttonProblems(component, path, say);
    if (type === 13) {
      const name = /^attachment:\/\/(.+)$/.exec(words((component['file'] as Json | undefined)?.['url']))?.[1];
      if (name === undefined || !files.includes(name))
        say(path, `UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND ${name}`);
    }
    const id = component['custom_id'];
    if (id !== undefined && customIds.has(id)) say(`${path}.custom_id`, 'COMPONENT_CUSTOM_ID_DUPLICATED');
    if (id !== undefined) customIds.add(id);
  }
  if (text > 4000) say('components', `${text} characters of text, more than 4000`);
  if (bytes > 10_170) say('components', `${bytes} bytes of text: HTTP 500`);
  if (
    half.test(
      JSON.stringify(body).replaceAll(/\\u(d[89a-f][0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      ),
    )
  ) {
    say('', 'half a surrogate pair: HTTP 500');
  }
  const nonce = body['nonce'];
  if (nonce !== undefined && chars(words(nonce)) > 25) say('nonce', 'BASE_TYPE_MAX_LENGTH');
  for (const [index, attachment] of list(body['attachments']).entries()) {
    const filename = attachment['filename'];
    if (filename !== undefined && !files.includes(words(filename))) say(`attachments[${index}]`, 'no such file');
    if (chars(words(attachment['description'])) > 1024) say(`attachments[${index}].description`, 'too long');
  }
  if (files.length > 10) say('files', 'more than 10');
  return problems;
}

/** Problems of a modal. */
export function modalProblems(data: Json): string[] {
  const problems: string[] = [];
  const say = (path: string, reason: string) => problems.push(`${path}: ${reason}`);
  length(data['title'], 1, 45, 'title', say);
  length(data['custom_id'], 1, 100, 'custom_id', say);
  const components = list(data['components']);
  if (components.length < 1 || components.length > 5) say('components', 'a modal holds 1 to 5 components');
  for (const [index, component] of components.entries()) {
    const path = `components[${index}]`;
    if (component['type'] === 10) length(component['content'], 1, 4000, `${path}.content`, say);
    else if (component['type'] === 18) {
      length(component['label'], 1, 45, `${path}.label`, say);
      length(component['description'] ?? 'x', 1, 100, `${path}.description`, say);
      const input = component['component'] as Json;
      length(input['custom_id'], 1, 100, `${path}.component.custom_id`, say);
      const max = Number(input['max_length'] ?? 4000);
      if (max < 1 || max > 4000) say(`${path}.component.max_length`, 'must be 1 to 4000');
      if (chars(words(input['value'])) > max) say(`${path}.component.value`, 'longer than max_length');
    } else say(path, `component ${Number(component['type'])} in a modal`);
  }
  return problems;
}

/** Problems of a bulk registration. */
export function commandProblems(commands: unknown): string[] {
  const problems: string[] = [];
  const say = (path: string, reason: string) => problems.push(`${path}: ${reason}`);
  for (const [index, command] of list(commands).entries()) optionProblems(command, `[${index}]`, say);
  return problems;
}

function optionProblems(option: Json, path: string, say: (path: string, reason: string) => void): void {
  if (
    !/^[-_\p{L}\p{N}]{1,32}$/u.test(words(option['name'])) ||
    option['name'] !== words(option['name']).toLowerCase()
  ) {
    say(`${path}.name`, 'APPLICATION_COMMAND_INVALID_NAME');
  }
  length(option['description'], 1, 100, `${path}.description`, say);
  const options = list(option['options']);
  if (options.length > 25) say(`${path}.options`, 'more than 25');
  const firstOptional = options.findIndex((one) => Number(one['type']) > 2 && one['required'] !== true);
  const lastRequired = options.findLastIndex((one) => one['required'] === true);
  if (firstOptional >= 0 && lastRequired > firstOptional) say(`${path}.options`, 'required options come first');
  for (const [index, one] of options.entries()) optionProblems(one, `${path}.options[${index}]`, say);
}

function rowProblems(row: Json, path: string, say: (path: string, reason: string) => void): void {
  const count = list(row['components']).length;
  if (count < 1 || count > 5) say(path, `${count} components in a row`);
}

function buttonProblems(button: Json, path: string, say: (path: string, reason: string) => void): void {
  length(button['label'], 1, 80, `${path}.label`, say);
  length(button['custom_id'], 1, 100, `${path}.custom_id`, say);
  if (![1, 2, 3, 4].includes(Number(button['style']))) say(`${path}.style`, 'no such style');
}

function length(
  value: unknown,
  min: number,
  max: number,
  path: string,
  say: (path: string, reason: string) => void,
): void {
  const count = typeof value === 'string' ? chars(value) : -1;
  if (count < min || count > max) say(path, `must be ${min} to ${max} characters, is ${count}`);
}

function* walk(
  components: readonly Json[],
  path: string,
  parent?: Json,
): Generator<{ component: Json; path: string; parent: Json | undefined }> {
  for (const [index, component] of components.entries()) {
    const here = `${path}[${index}]`;
    yield { component, path: here, parent };
    yield* walk(list(component['components']), `${here}.components`, component);
  }
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The stricter of the two ways to count. */
function chars(text: string): number {
  return text.length;
}
