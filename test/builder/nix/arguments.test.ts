import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  buildArguments,
  evaluationArguments,
  type NixOptions,
  nixEnvironment,
  nixSettings,
} from '../../../src/builder/nix/settings.ts';
import { UserError } from '../../../src/core/errors.ts';

const settings = (more: Partial<NixOptions> = {}) => nixSettings({ dir: '/var/lib/bot', ...more });

describe('nixEnvironment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is built from nothing but PATH', () => {
    vi.stubEnv('PATH', '/usr/bin');
    vi.stubEnv('NIX_PATH', 'nixpkgs=/etc');
    vi.stubEnv('PROXMOX_TOKEN_SECRET', 'canary');
    expect(nixEnvironment(settings({ nixBinDir: '/opt/nix/bin', config: { cores: '4' } }))).toEqual({
      PATH: '/opt/nix/bin:/usr/bin',
      HOME: '/var/lib/bot/home',
      NIX_USER_CONF_FILES: '/dev/null',
      NIX_CONFIG: 'cores = 4\nextra-experimental-features = nix-command flakes',
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
    });
  });
});

describe('evaluationArguments', () => {
  const option = (args: readonly string[], name: string) => args[args.indexOf(name) + 1];

  it('guards by arguments, which beat every other setting', () => {
    const args = evaluationArguments(settings(), '1');
    expect(args.slice(0, 2)).toEqual(['eval', '--json']);
    expect(args.slice(-2)).toEqual(['--expr', '1']);
    expect(args).toContain('--show-trace');
    expect(option(args, 'pure-eval')).toBe('true');
    expect(option(args, 'accept-flake-config')).toBe('false');
    expect(option(args, 'allow-import-from-derivation')).toBe('false');
    expect(option(args, 'restrict-eval')).toBe('false');
    expect(option(args, 'allow-unsafe-native-code-during-evaluation')).toBe('false');
    expect(option(args, 'use-registries')).toBe('false');
    expect(option(args, 'flake-registry')).toBe('');
    expect(args).toContain('--offline');
  });

  it('lets nobody undo a guard by an extra argument', () => {
    const args = evaluationArguments(settings({ extraArgs: { eval: ['--option', 'pure-eval', 'false'] } }), '1');
    expect(args.lastIndexOf('true')).toBeGreaterThan(args.indexOf('false'));
    expect(args[args.lastIndexOf('pure-eval') + 1]).toBe('true');
  });

  it('opens what the settings open', () => {
    const args = evaluationArguments(settings({ allowImportFromDerivation: true, restrictEval: true }), '1');
    expect(option(args, 'allow-import-from-derivation')).toBe('true');
    expect(option(args, 'restrict-eval')).toBe('true');
    expect(args).not.toContain('--offline');
    expect(evaluationArguments(settings({ evalHosts: ['example.org'] }), '1')).not.toContain('--offline');
  });
});

describe('buildArguments', () => {
  it('goes on after a failure, roots what it makes, and bounds each derivation', () => {
    const args = buildArguments(
      settings({ buildTimeoutS: 60, maxSilentS: 30, store: '/x', offline: true }),
      ['/nix/store/a.drv'],
      '/roots/build-1',
    );
    expect(args.join(' ')).toBe(
      '--realise /nix/store/a.drv --log-format internal-json --keep-going --add-root /roots/build-1 --store /x' +
        ' --option accept-flake-config false --option sandbox true --option sandbox-fallback false' +
        ' --option timeout 60 --option max-silent-time 30 --option substitute false',
    );
  });
});

describe('nixSettings', () => {
  it.each(['', 'config.', '.config', 'config."a b"', 'config.--option', 'a/b', 'config.$(id)'])(
    'refuses the attribute %j',
    (attribute) => {
      expect(() => settings({ attribute })).toThrow(UserError);
      expect(() => settings({ containerAttribute: attribute })).toThrow(UserError);
    },
  );

  it('says which attribute it refuses, and how to write it', () => {
    expect(() => settings({ containerAttribute: 'a/b' })).toThrow(
      expect.objectContaining({
        message: 'The container attribute "a/b" is not a path of Nix names.',
        next: 'Write it like config.system.build.tarball.',
      }),
    );
  });

  it('keeps evaluations in their sandbox, where they build nothing, unless it is told otherwise', () => {
    expect(settings({})).toMatchObject({ evalSandbox: true, allowImportFromDerivation: false, evalHosts: [] });
  });

  it('refuses a setting that would be a second line, and does not show its value', () => {
    const config = { 'access-tokens': 'canary\nsandbox = false' };
    expect(() => settings({ config })).toThrow(UserError);
    expect(() => settings({ config })).not.toThrow(/canary/);
    expect(() => settings({ config: { 'a\nb': 'x' } })).toThrow(UserError);
  });
});
