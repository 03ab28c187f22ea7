import { delimiter, join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { GuestKind } from '../../core/guest.ts';

/** An image type, and each part of an attribute path. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/;

/** The log of the adapter: static message, facts as fields (a pino logger fits). */
export interface NixLog {
  debug(facts: object, message: string): void;
}

/** The options of the adapter; times in milliseconds, sizes in bytes. */
export interface NixOptions {
  /** A folder of ours on a disk that survives reboots: Nix's HOME, its caches and our GC roots. */
  readonly dir: string;
  /** Where `nix` and `nix-store` are; default: PATH. */
  readonly nixBinDir?: string;
  /** Lines of nix.conf that beat the host's, e.g. `{ cores: '4', 'access-tokens': '...' }`. Not visible in the process list. */
  readonly config?: Readonly<Record<string, string>>;
  /** A VM's image below `nixosConfigurations.<image type>`. */
  readonly attribute?: string;
  /** The file of a VM's image below its store path; default: what the image itself tells. */
  readonly imageFile?: string;
  /** A container's image below `nixosConfigurations.<image type>`. */
  readonly containerAttribute?: string;
  /** The file of a container's image below its store path; default: what the image itself tells. */
  readonly containerFile?: string;
  /** Images evaluated by one process; more need more memory, fewer more time. */
  readonly batchSize?: number;
  /** Evaluations at the same time. */
  readonly workers?: number;
  readonly evalTimeoutMs?: number;
  /** How long an evaluation that must end may go on after TERM; then it is killed. */
  readonly killAfterMs?: number;
  /** Address space of one evaluation in bytes; allow about 1.25 times the heap wanted. */
  readonly evalMemoryBytes?: number;
  /** Seconds one derivation may build. */
  readonly buildTimeoutS?: number;
  /** Seconds one derivation may build without a line of log. */
  readonly maxSilentS?: number;
  /** Evaluation may build: code of a push then runs before anyone approved. */
  readonly allowImportFromDerivation?: boolean;
  /** Only URLs of `allowed-uris` may be read. */
  readonly restrictEval?: boolean;
  /** A folder with a private store, in place of the machine's. */
  readonly store?: string;
  /** Evaluations run in a sandbox of bubblewrap. Default: true. */
  readonly evalSandbox?: boolean;
  /** Hosts that an evaluation may reach: `host` or `host:port`. Default: none. */
  readonly evalHosts?: readonly string[];
  /** Hosts that the fetch of inputs may reach at a private address as well, such as the fleet's own git server. */
  readonly fetchHosts?: readonly string[];
  readonly fetchTimeoutMs?: number;
  /** Nothing is downloaded. */
  readonly offline?: boolean;
  readonly extraArgs?: { readonly eval?: readonly string[]; readonly build?: readonly string[] };
  readonly log?: NixLog;
  /** Milliseconds; for the durations in the log. */
  readonly now?: () => number;
}

/** The options with every default filled in. */
export interface NixSettings {
  readonly dir: string;
  /** Temporary files of what runs in a sandbox. */
  readonly tmpDir: string;
  readonly home: string;
  readonly rootsDir: string;
  readonly binDir: string | undefined;
  readonly path: string;
  readonly config: Readonly<Record<string, string>>;
  /** Where the images of each kind are: the attribute path below a configuration, the file below the store path. */
  readonly images: Readonly<
    Record<GuestKind, { readonly attribute: readonly string[]; readonly file: string | undefined }>
  >;
  readonly batchSize: number;
  readonly workers: number;
  readonly evalTimeoutMs: number;
  readonly killAfterMs: number;
  readonly evalMemoryBytes: number | undefined;
  readonly buildTimeoutS: number | undefined;
  readonly maxSilentS: number | undefined;
  readonly allowImportFromDerivation: boolean;
  readonly restrictEval: boolean;
  readonly store: string | undefined;
  readonly evalSandbox: boolean;
  readonly evalHosts: readonly string[];
  readonly fetchHosts: readonly string[];
  readonly fetchTimeoutMs: number;
  readonly offline: boolean;
  readonly extraArgs: { readonly eval: readonly string[]; readonly build: readonly string[] };
  readonly log: NixLog;
  readonly now: () => number;
}

const defaults = { vm: 'config.system.build.qcow2', container: 'config.system.build.tarball' } as const;

/** Fills in defaults. Refuses settings that Nix would misread, by a `UserError`. */
export function nixSettings(options: NixOptions): NixSettings {
  const { attribute = defaults.vm, containerAttribute = defaults.container, config = {}, extraArgs = {} } = options;
  return {
    dir: options.dir,
    tmpDir: join(options.dir, 'tmp'),
    home: join(options.dir, 'home'),
    rootsDir: join(options.dir, 'roots'),
    binDir: options.nixBinDir,
    path: [options.nixBinDir, process.env['PATH']].filter((part) => part !== undefined).join(delimiter),
    config: checkConfig(config),
    images: {
      vm: { attribute: checkAttribute(attribute, 'vm'), file: options.imageFile },
      container: { attribute: checkAttribute(containerAttribute, 'container'), file: options.containerFile },
    },
    batchSize: options.batchSize ?? 8,
    workers: options.workers ?? 2,
    evalTimeoutMs: options.evalTimeoutMs ?? 600_000,
    killAfterMs: options.killAfterMs ?? 5_000,
    evalMemoryBytes: options.evalMemoryBytes,
    buildTimeoutS: options.buildTimeoutS,
    maxSilentS: options.maxSilentS,
    allowImportFromDerivation: options.allowImportFromDerivation ?? false,
    restrictEval: options.restrictEval ?? false,
    store: options.store,
    evalSandbox: options.evalSandbox ?? true,
    evalHosts: options.evalHosts ?? [],
    fetchHosts: options.fetchHosts ?? [],
    fetchTimeoutMs: options.fetchTimeoutMs ?? 600_000,
    offline: options.offline ?? false,
    extraArgs: { eval: extraArgs.eval ?? [], build: extraArgs.build ?? [] },
    log: options.log ?? { debug: () => {} },
    now: options.now ?? Date.now,
  };
}

function checkAttribute(attribute: string, kind: GuestKind): readonly string[] {
  const parts = attribute.split('.');
  if (parts.every((part) => namePattern.test(part))) return parts;
  const what = kind === 'vm' ? 'image' : 'container';
  throw new UserError(`The ${what} attribute ${JSON.stringify(attribute)} is not a path of Nix names.`, {
    next: `Write it like ${defaults[kind]}.`,
  });
}

function checkConfig(config: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(config)) {
    if (/^[a-z][a-z0-9-]*$/.test(key) && !/[\r\n]/.test(value)) continue;
    // The value stays out of the message: it may be an access token.
    throw new UserError(`The Nix setting ${JSON.stringify(key)} is no line of nix.conf.`, {
      next: 'Give one name of nix.conf(5) and one line as its value.',
    });
  }
  return config;
}

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
  // Nix itself downloads nothing; builds and fetches that the settings allow may.
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

/** The limits on code of a push: no setting of the machine or of ours weakens them. */
export const sandboxArguments = [...option('sandbox', 'true'), ...option('sandbox-fallback', 'false')];

const logFormat = ['--log-format', 'internal-json'];

function storeArguments(store: string | undefined): string[] {
  return store === undefined ? [] : ['--store', store];
}

/** `nix-store` has no `--offline`. */
function withoutDownloads(settings: NixSettings): string[] {
  return settings.offline ? option('substitute', 'false') : [];
}
