import type { NixSettings } from './settings.ts';

/** The environment of every call, built from nothing: what a person's shell or nix.conf says does not count. */
export function nixEnvironment(settings: NixSettings): Record<string, string> {
  return environment(settings, settings.config);
}

/** The environment of an evaluation: without the settings that hold secrets, which only the fetch of inputs needs. */
export function evaluationEnvironment(settings: NixSettings): Record<string, string> {
  const open = Object.entries(settings.config).filter(([key]) => !secretSettings.test(key));
  return environment(settings, Object.fromEntries(open));
}

const secretSettings = /^(?:extra-)?(?:access-tokens|netrc-file|secret-key-files|post-build-hook)$/;

function environment(settings: NixSettings, config: NixSettings['config']): Record<string, string> {
  const lines = Object.entries({
    ...config,
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

/**
 * Arguments of an evaluation. What protects us is given as `--option`: that beats NIX_CONFIG and a flake's `nixConfig`.
 * @param store for `--store`, as the sandbox sees it
 */
export function evaluationArguments(settings: NixSettings, expression: string, store = settings.store): string[] {
  // Nothing is downloaded but by what an evaluation may build or reach.
  const offline = settings.offline || (!settings.allowImportFromDerivation && settings.evalHosts.length === 0);
  return [
    ...pureArguments(store, settings.extraArgs.eval),
    ...option('allow-import-from-derivation', String(settings.allowImportFromDerivation)),
    ...option('restrict-eval', String(settings.restrictEval)),
    ...(offline ? ['--offline'] : []),
    '--expr',
    expression,
  ];
}

/** Arguments of the fetch of inputs: an expression of ours alone, which may use the network. */
export function fetchArguments(settings: NixSettings, expression: string, store = settings.store): string[] {
  return [
    ...pureArguments(store),
    ...option('allow-import-from-derivation', 'false'),
    // Inputs come from where the lock says, with the hash it says; a cache has nothing better.
    ...option('substitute', 'false'),
    ...(settings.offline ? ['--offline'] : []),
    '--expr',
    expression,
  ];
}

function pureArguments(store: string | undefined, more: readonly string[] = []): string[] {
  return [
    'eval',
    '--json',
    ...logFormat,
    // Without it an error has no trace, so no image's name.
    '--show-trace',
    ...storeArguments(store),
    ...more,
    ...option('pure-eval', 'true'),
    ...option('accept-flake-config', 'false'),
    ...option('allow-unsafe-native-code-during-evaluation', 'false'),
    ...option('use-registries', 'false'),
    ...option('flake-registry', ''),
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
    ...storeArguments(settings.store),
    ...settings.extraArgs.build,
    ...option('accept-flake-config', 'false'),
    ...sandboxArguments,
    ...(settings.buildTimeoutS === undefined ? [] : option('timeout', String(settings.buildTimeoutS))),
    ...(settings.maxSilentS === undefined ? [] : option('max-silent-time', String(settings.maxSilentS))),
    ...withoutDownloads(settings),
  ];
}

/** Arguments of the small questions to `nix-store`. */
export function storeQueryArguments(settings: NixSettings, query: readonly string[]): string[] {
  return [...query, ...storeArguments(settings.store), ...withoutDownloads(settings)];
}

function option(name: string, value: string): string[] {
  return ['--option', name, value];
}

/** The boundary of what a push runs: no setting of the machine or of ours weakens it. */
export const sandboxArguments = [...option('sandbox', 'true'), ...option('sandbox-fallback', 'false')];

const logFormat = ['--log-format', 'internal-json'];

function storeArguments(store: string | undefined): string[] {
  return store === undefined ? [] : ['--store', store];
}

/** `nix-store` has no `--offline`. */
function withoutDownloads(settings: NixSettings): string[] {
  return settings.offline ? option('substitute', 'false') : [];
}
