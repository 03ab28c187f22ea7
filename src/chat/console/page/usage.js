/**
 * `reject <run> [reason …]`
 *
 * @param {import('../../chat.ts').CommandSpec} spec
 */
export function commandUsage(spec) {
  const options = spec.options.map(({ name, required, rest }) => {
    const words = rest === true ? `${name} …` : name;
    return required ? `<${words}>` : `[${words}]`;
  });
  return [spec.name, ...options].join(' ');
}
