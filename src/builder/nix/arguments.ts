import type { NixSettings } from './settings.ts';

/** The environment of every call, built from nothing: what a person's shell or nix.conf says does not count. */
export function nixEnvironment(settings: NixSettings): Record<string, string> {
  const lines = Object.entries({
    ...settings.config,
    // `experimental-features` would replace the host's list.
    'extra-experimental-features': 'nix-command flakes',
  }).map(([key, value]) => `${key} = ${value}`);
  return {
    PATH: settings.path,
    HOME: settings.home,
    NIX_USER_CONF_FILES: '/dev/null',
    NIX_CONFIG: lines.join('\n'),
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
  };
}

/** Arguments of an evaluation. What protects us is given as `--option`: that beats NIX_CONFIG and a flake's `nixConfig`. */
export function evaluationArguments(settings: NixSettings, expression: string): string[] {
  return [
    'eval',
    '--json',
    ...logFormat,
    // Without it an error has no trace, so no image's name.
    '--show-trace',
    ...storeArguments(settings),
    ...settings.extraArgs.eval,
    ...option('pure-eval', 'true'),
    ...option('accept-flake-config', 'false'),
    ...option('allow-import-from-derivation', String(settings.allowImportFromDerivation)),
    ...option('restrict-eval', String(settings.restrictEval)),
    ...option('allow-unsafe-native-code-during-evaluation', 'false'),
    ...option('use-registries', 'false'),
    ...option('flake-registry', ''),
    ...(settings.offline ? ['--offline'] : []),
    '--expr',
    expression,
  ];
}

/** Arguments of `nix-store --realise` for derivations; `link` is the first of the GC roots it makes. */
export function buildArguments(settings: NixSettings, drvPaths: readonly string[], link: string): string[] {
  return [
    '--realise',
    ...drvPaths,
    ...logFormat,
    '--keep-going',
    '--add-root',
    link,
    ...storeArguments(settings),
    ...settings.extraArgs.build,
    ...option('accept-flake-config', 'false'),
    ...(settings.buildTimeoutS === undefined ? [] : option('timeout', String(settings.buildTimeoutS))),
    ...(settings.maxSilentS === undefined ? [] : option('max-silent-time', String(settings.maxSilentS))),
    ...withoutDownloads(settings),
  ];
}

/** Arguments of the small questions to `nix-store`. */
export function storeQueryArguments(settings: NixSettings, query: readonly string[]): string[] {
  return [...query, ...storeArguments(settings), ...withoutDownloads(settings)];
}

const logFormat = ['--log-format', 'internal-json'];

function option(name: string, value: string): string[] {
  return ['--option', name, value];
}

function storeArguments(settings: NixSettings): string[] {
  return settings.store === undefined ? [] : ['--store', settings.store];
}

/** `nix-store` has no `--offline`. */
function withoutDownloads(settings: NixSettings): string[] {
  return settings.offline ? option('substitute', 'false') : [];
}
