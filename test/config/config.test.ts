import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chats } from '../../src/chats.ts';
import { loadConfig } from '../../src/config/config.ts';
import { namedIn } from '../../src/config/people.ts';
import { factsOf } from '../../src/config/setting.ts';
import { sectionsOf } from '../../src/config/settings.ts';
import { UserError } from '../../src/core/errors.ts';
import { Secret } from '../../src/secret.ts';

const minimal = {
  PROXMOX_URL: 'https://pve1.example.org:8006',
  PROXMOX_TOKEN_ID: 'proxnix@pve!bot',
  PROXMOX_TOKEN_SECRET: 'proxmox-token-secret',
  GIT_URL: 'https://git.example.org/Ada/Fleet.git',
  WEBHOOK_SECRET: 'a-webhook-secret-of-32-characters',
};
const discord = {
  DISCORD_TOKEN: 'discord-bot-token',
  DISCORD_GUILD: '112233445566778899',
  DISCORD_CHANNEL: '223344556677889900',
};
const slack = {
  SLACK_BOT_TOKEN: 'xoxb-bot-token-of-a-test',
  SLACK_APP_TOKEN: 'xapp-app-token-of-a-test',
  SLACK_WORKSPACE: 'T0123ABCD',
  SLACK_CHANNEL: 'C0123ABCD',
};
const role = 'discord:role:334455667788990011';

/** Variables that also come from a file. */
const secretNames = sectionsOf(chats)
  .flatMap(({ settings }) => Object.entries(settings.shape))
  .flatMap(([name, schema]) => (factsOf(schema).isSecret === true ? [name] : []));

function load(env: Record<string, string | undefined>, files: Record<string, string> = {}) {
  return loadConfig(env, (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    return text;
  });
}

function mistakesOf(env: Record<string, string | undefined>, files: Record<string, string> = {}): readonly string[] {
  try {
    load(env, files);
  } catch (error) {
    if (error instanceof UserError) return error.details;
    throw error;
  }
  return [];
}

/** The names that are complained about. */
function blamed(env: Record<string, string | undefined>, files: Record<string, string> = {}): string[] {
  return mistakesOf(env, files).map((line) => line.slice(0, line.indexOf(':')));
}

describe('the plain environment', () => {
  it('makes one fleet on one cluster with every default', () => {
    const config = load(minimal);
    expect(config).toMatchObject({
      http: { host: '127.0.0.1', port: 6780 },
      pollIntervalMs: 300_000,
      chats: [{ name: 'console' }],
      drift: { powerIntervalMs: 60_000, planIntervalMs: 900_000 },
      nix: {
        evalTimeoutMs: 600_000,
        buildTimeoutMs: 7_200_000,
        evalMemoryBytes: 4 * 1024 ** 3,
        batch: 8,
        workers: 2,
        evalSandbox: true,
        evalHosts: [],
        privateStore: false,
        allowIfd: false,
        restrictEval: false,
        settings: [],
      },
      stateDir: '.proxnix',
      log: { level: 'info' },
    });
    expect(config.clusters).toMatchObject([
      { name: 'default', url: 'https://pve1.example.org:8006', imageStorage: 'local', fingerprints: [] },
    ]);
    expect(config.fleets).toMatchObject([
      {
        name: 'default',
        cluster: 'default',
        git: { branch: 'main', repository: 'ada/fleet' },
        flake: {
          imageAttribute: 'config.system.build.qcow2',
          containerAttribute: 'config.system.build.tarball',
        },
        policy: {
          ...{
            approvers: [],
            viewers: [],
            approvals: 1,
            authorMayApprove: true,
            places: [{ chat: 'console', workspace: 'console', channel: 'proxnix' }],
          },
          allowOtherBranches: false,
        },
        planExpiryMs: 86_400_000,
        rollbackWindowMs: 86_400_000,
        onStopped: 'start',
      },
    ]);
  });

  it('reads where the images of VMs and of containers are', () => {
    const env = {
      IMAGE_ATTRIBUTE: 'config.formats.qcow',
      IMAGE_FILE: 'disk/nixos.qcow2',
      CONTAINER_ATTRIBUTE: 'config.formats.lxc',
      CONTAINER_FILE: 'tarball/nixos.tar.xz',
    };
    expect(load({ ...minimal, ...env }).fleets[0]?.flake).toEqual({
      imageAttribute: 'config.formats.qcow',
      imageFile: 'disk/nixos.qcow2',
      containerAttribute: 'config.formats.lxc',
      containerFile: 'tarball/nixos.tar.xz',
    });
    expect(blamed({ ...minimal, CONTAINER_ATTRIBUTE: 'a b', CONTAINER_FILE: '/etc/passwd' })).toEqual([
      'CONTAINER_ATTRIBUTE',
      'CONTAINER_FILE',
    ]);
  });

  it('counts an empty variable as not set', () => {
    expect(load({ ...minimal, GIT_BRANCH: '', HTTP_PORT: ' ' }).fleets[0]?.git.branch).toBe('main');
  });

  it('says every mistake at once, each by its name, and never what was given', () => {
    const lines = mistakesOf({
      PROXMOX_URL: 'http://pve1.example.org:8006',
      PROXMOX_TOKEN_SECRET: 'canary with spaces',
      HTTP_PORT: '70000',
      POLL_INTERVAL: 'often',
      NIX_EVAL_MEMORY: 'much',
      NIX_SETTINGS: 'no equals sign',
      APPROVERS: 'ada',
      DISCORD_TOKEN: 'discord-bot-token',
      SLACK_MODE: 'carrier pigeon',
    });
    expect(lines.map((line) => line.slice(0, line.indexOf(':'))).sort()).toEqual([
      'APPROVERS',
      'DISCORD_CHANNEL',
      'DISCORD_GUILD',
      'GIT_URL',
      'HTTP_PORT',
      'NIX_EVAL_MEMORY',
      'NIX_SETTINGS',
      'POLL_INTERVAL',
      'PROXMOX_TOKEN_ID',
      'PROXMOX_TOKEN_SECRET',
      'PROXMOX_URL',
      'SLACK_MODE',
      'WEBHOOK_SECRET',
    ]);
    expect(lines.join('\n')).not.toContain('canary');
    for (const line of lines) expect(line).toMatch(/^[A-Z_]+: (.* )?(expected|needed) /);
  });

  it('names the count and what to do next', () => {
    expect(() => load({ ...minimal, HTTP_PORT: 'x' })).toThrow('The configuration has a mistake.');
    expect(() => load({ ...minimal, HTTP_PORT: 'x', FLEET: 'A B' })).toThrow('The configuration has 2 mistakes.');
  });

  it('shows no secret when it is printed', () => {
    const config = load({ ...minimal, ...discord, ...slack, GIT_TOKEN: 'a-git-token-of-a-test' });
    const shown = JSON.stringify(config) + String(config.clusters[0]?.tokenSecret);
    for (const secret of config.secrets) expect(shown).not.toContain(secret.reveal());
  });
});

describe('values', () => {
  it.each([
    ['HTTP_PORT', 'x'],
    ['HTTP_PORT', '70000'],
    ['HTTP_PORT', '-1'],
    ['AUTHOR_MAY_APPROVE', 'yes'],
    ['CONSOLE', 'maybe'],
    ['APPROVERS', 'ada'],
    ['NIX_EVAL_MEMORY', 'much'],
    ['POLL_INTERVAL', 'often'],
  ])('say what is expected of %s=%s', (name, value) => {
    expect(mistakesOf({ ...minimal, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name}: (?:entry \\d+ )?expected `)),
    ]);
  });

  it.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1500ms', 1_500],
  ])('reads the duration %s', (text, ms) => {
    expect(load({ ...minimal, PLAN_EXPIRY: text }).fleets[0]?.planExpiryMs).toBe(ms);
  });

  it('names what may be meant by a variable that is not read, beside the mistake that it explains', () => {
    const { PROXMOX_URL: url, ...without } = minimal;
    const mistakes = mistakesOf({ ...without, PROXMOX_URI: url });
    expect(mistakes).toEqual([
      expect.stringMatching(/^PROXMOX_URL: needed /),
      'PROXMOX_URI: is not read; PROXMOX_URL is meant?',
    ]);
  });

  it.each(['0s', '-1m', '5', 'm', '1.5h', '25d', '5 m', '1e3s'])('refuses the duration %s', (text) => {
    expect(blamed({ ...minimal, PLAN_EXPIRY: text })).toEqual(['PLAN_EXPIRY']);
  });

  it.each([
    ['512M', 512 * 1024 ** 2],
    ['4G', 4 * 1024 ** 3],
  ])('reads the size %s', (text, bytes) => {
    expect(load({ ...minimal, NIX_EVAL_MEMORY: text }).nix.evalMemoryBytes).toBe(bytes);
  });

  it('turns intervals off', () => {
    const config = load({ ...minimal, POLL_INTERVAL: 'off', DRIFT_POWER_INTERVAL: 'off', DRIFT_PLAN_INTERVAL: 'off' });
    expect(config.pollIntervalMs).toBeUndefined();
    expect(config.drift).toEqual({});
  });

  it.each([
    ['https://git.example.org/ada/fleet.git', 'ada/fleet'],
    ['https://gitlab.example.org/group/sub/Fleet', 'group/sub/fleet'],
    ['git@github.com:Ada/fleet.git', 'ada/fleet'],
    ['ssh://git@git.example.org:2222/ada/fleet.git/', 'ada/fleet'],
    ['http://127.0.0.1:3000/ada/fleet', 'ada/fleet'],
  ])('derives the repository of %s', (url, name) => {
    expect(load({ ...minimal, GIT_URL: url }).fleets[0]?.git.repository).toBe(name);
  });

  it.each([
    'ext::sh -c true',
    'git://git.example.org/ada/fleet.git',
    '--upload-pack=evil',
    '-oProxyCommand=evil@host:x/y',
    'git@-oProxyCommand=evil:x/y',
    'ssh://-oProxyCommand=evil/x/y',
    'https://ada:password@git.example.org/ada/fleet.git',
    'https://token@git.example.org/ada/fleet.git',
    'http://git.example.org/ada/fleet.git',
    'fleet',
  ])('refuses the clone address %s', (url) => {
    expect(blamed({ ...minimal, GIT_URL: url })).toEqual(['GIT_URL']);
  });

  it('asks for the repository when the clone address does not tell it, unless webhooks are off', () => {
    const local = { ...minimal, GIT_URL: '/srv/git/fleet.git' };
    expect(blamed(local)).toEqual(['WEBHOOK_REPOSITORY']);
    expect(load({ ...local, WEBHOOK_REPOSITORY: 'Ada/Fleet' }).fleets[0]?.git.repository).toBe('ada/fleet');
    expect(blamed({ ...local, WEBHOOKS: 'off', WEBHOOK_SECRET: '' })).toEqual([]);
  });

  it.each(['https://git.example.org/ada/100%', 'ssh://git@git.example.org/ada/%zz', 'git@git.example.org:ada/%fleet'])(
    'refuses the clone address %s, whose % begins no escape',
    (url) => {
      expect(mistakesOf({ ...minimal, GIT_URL: url })).toMatchObject([expect.stringMatching(/^GIT_URL: .*%25/)]);
    },
  );

  it('never end the program with anything but the list of mistakes, whatever they are', () => {
    const names = sectionsOf(chats).flatMap(({ settings }) => Object.keys(settings.shape));
    const odd = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('%', '%zz', 'https://[', 'http://a%', 'https://h/%E0%A4%A', '[', '{', '\u0000', '-', 'null', ','),
      fc.tuple(fc.webUrl(), fc.string()).map((parts) => parts.join('')),
      fc.json(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), odd, (name, value) => {
        // Throws what is no `UserError`.
        mistakesOf({ ...minimal, ...discord, ...slack, [name]: value });
        mistakesOf({ ...minimal, PROXNIX_FLEETS: 'f.json' }, { 'f.json': value });
      }),
      { numRuns: 300 },
    );
  });

  it.each(['../etc', 'a/../b', '/etc', './a', 'a//b', '-a/..'])('refuses the flake folder %s', (dir) => {
    expect(blamed({ ...minimal, FLAKE_DIR: dir })).toEqual(['FLAKE_DIR']);
  });

  it.each(['a..b', 'refs/heads/x.lock', '-x', 'a b', 'x/', '@{1}'])('refuses the branch %s', (name) => {
    expect(blamed({ ...minimal, GIT_BRANCH: name })).toEqual(['GIT_BRANCH']);
  });

  it.each([
    'proxnix@pve!bot',
    'ada@lab.org@sso!bot',
    'a!b@pam!c2',
    'svc=x@ldap.lab_1-a!t.o-k_en',
    'jörg@pve!bot',
    "o'brien;x%y@ad!bot",
    `${'u'.repeat(60)}@pve!bot`,
  ])('the token id %s is taken, as Proxmox takes it', (id) => {
    expect(load({ ...minimal, PROXMOX_TOKEN_ID: id }).clusters[0]?.tokenId).toBe(id);
  });

  it.each([
    'proxnix@pve',
    'proxnix!bot',
    'a b@pve!bot',
    'a:b@pve!bot',
    'a/b@pve!bot',
    'a@1pve!bot',
    'a@pve!1',
    'a@pve!b=c',
  ])('the token id %s is none', (id) => {
    expect(blamed({ ...minimal, PROXMOX_TOKEN_ID: id })).toEqual(['PROXMOX_TOKEN_ID']);
  });

  it.each(['https://ada:x@pve1:8006', 'https://pve1:8006/pve2/api', 'ftp://pve1', 'pve1:8006', 'http://pve1:8006'])(
    'refuses the cluster address %s',
    (url) => {
      expect(blamed({ ...minimal, PROXMOX_URL: url })).toEqual(['PROXMOX_URL']);
    },
  );

  it('takes an address with the path of the API, and plain HTTP on this machine only', () => {
    const url = (text: string) => load({ ...minimal, PROXMOX_URL: text }).clusters[0]?.url;
    expect(url('https://pve1:8006/api2/json/')).toBe('https://pve1:8006');
    expect(url('http://127.0.0.1:8006')).toBe('http://127.0.0.1:8006');
  });

  it('writes fingerprints the one way Proxmox does', () => {
    const hex = 'ab'.repeat(32);
    const config = load({ ...minimal, PROXMOX_FINGERPRINTS: `${hex}, ${'cd:'.repeat(31)}cd` });
    expect(config.clusters[0]?.fingerprints).toEqual([`${'AB:'.repeat(31)}AB`, `${'CD:'.repeat(31)}CD`]);
    expect(blamed({ ...minimal, PROXMOX_FINGERPRINTS: 'ab:cd' })).toEqual(['PROXMOX_FINGERPRINTS']);
  });

  it('reads the CA file, and notices a file without a certificate', () => {
    const env = { ...minimal, PROXMOX_CA_FILE: '/ca.pem' };
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';
    expect(load(env, { '/ca.pem': `${pem}\n` }).clusters[0]?.ca).toBe(pem);
    expect(blamed(env, { '/ca.pem': 'a key' })).toEqual(['PROXMOX_CA_FILE']);
    expect(blamed(env)).toEqual(['PROXMOX_CA_FILE']);
  });

  it('refuses Nix settings that would open the sandbox of a build or an evaluation', () => {
    for (const key of [
      ...[
        'sandbox',
        'extra-sandbox-paths',
        'sandbox-paths',
        'sandbox-fallback',
        'build-use-sandbox',
        'filter-syscalls',
      ],
      ...[
        'build-extra-chroot-dirs',
        'pre-build-hook',
        'plugin-files',
        'allow-new-privileges',
        'require-sigs',
        'pure-eval',
      ],
    ]) {
      expect(blamed({ ...minimal, NIX_SETTINGS: `cores = 2\n${key} = false` }), key).toEqual(['NIX_SETTINGS']);
    }
    expect(blamed({ ...minimal, NIX_SETTINGS: 'builders = ssh-ng://b\nsubstituters = https://c' })).toEqual([]);
  });

  it('takes a Nix setting without a value, and names a wrong line as people count', () => {
    expect(load({ ...minimal, NIX_SETTINGS: 'substituters =\\ncores = 2' }).nix.settings).toEqual([
      'substituters =',
      'cores = 2',
    ]);
    expect(mistakesOf({ ...minimal, NIX_SETTINGS: 'cores = 2\n\nsubstituters\n\nsandbox =' })).toEqual([
      'NIX_SETTINGS: line 3: expected the form `key = value`',
      'NIX_SETTINGS: line 5: expected no setting that opens the sandbox of Nix, or runs a program beside it',
    ]);
  });

  it('reads lines of Nix settings, also with \\n in one line, and guards the tokens in them', () => {
    const text = 'max-jobs = 4\\naccess-tokens = github.com=canary-one-1 gitlab.com=PAT:canary-two-2\n';
    const config = load({ ...minimal, NIX_SETTINGS: text });
    expect(config.nix.settings[0]).toBe('max-jobs = 4');
    expect(config.nix.settings).toHaveLength(2);
    expect(config.secrets.map((secret) => secret.reveal())).toEqual(
      expect.arrayContaining(['canary-one-1', 'canary-two-2']),
    );
  });
});

describe('secrets', () => {
  it('gives every secret to the output gate', () => {
    const env = { ...minimal, ...discord, ...slack, GIT_TOKEN: 'a-git-token-of-a-test', CONSOLE: 'on' };
    const all = { ...env, CONSOLE_TOKEN: 'a-console-token-of-a-test' };
    const { secrets } = load(all);
    const named = Object.entries(all).filter(([name]) => secretNames.some((secret) => secret === name));
    expect(secrets.map((secret) => secret.reveal()).sort()).toEqual(named.map(([, value]) => value).sort());
  });

  it('reads any secret from a file, without the end of its line', () => {
    for (const name of secretNames) {
      const env: Record<string, string> = { ...minimal, ...discord, ...slack, CONSOLE: 'on' };
      if (name === 'SLACK_SIGNING_SECRET') env['SLACK_MODE'] = 'http';
      if (name === 'FORGE_TOKEN') env['FORGE'] = 'gitea';
      delete env[name];
      const value = `${name === 'SLACK_BOT_TOKEN' ? 'xoxb' : 'xapp'}-from-a-file-of-a-test`;
      const config = load({ ...env, [`${name}_FILE`]: '/secret' }, { '/secret': `${value}\n` });
      expect(config.secrets.map((secret) => secret.reveal())).toContain(value);
    }
  });

  it('names the file that cannot be read or is empty, once', () => {
    const env = { ...minimal, WEBHOOK_SECRET: undefined, WEBHOOK_SECRET_FILE: '/run/secret' };
    expect(mistakesOf(env)).toEqual(['WEBHOOK_SECRET_FILE: expected a file that can be read (ENOENT): /run/secret']);
    expect(blamed(env, { '/run/secret': '\n' })).toEqual(['WEBHOOK_SECRET_FILE']);
  });

  it('refuses a secret that is given twice', () => {
    const env = { ...minimal, WEBHOOK_SECRET_FILE: '/run/secret' };
    expect(blamed(env, { '/run/secret': minimal.WEBHOOK_SECRET })).toEqual(['WEBHOOK_SECRET']);
  });

  it('refuses a webhook secret that can be guessed', () => {
    expect(blamed({ ...minimal, WEBHOOK_SECRET: 'hunter2' })).toEqual(['WEBHOOK_SECRET']);
  });
});

describe('webhooks', () => {
  it('do not start without a secret', () => {
    expect(blamed({ ...minimal, WEBHOOK_SECRET: '' })).toEqual(['WEBHOOK_SECRET']);
  });

  it('are off when they are turned off', () => {
    expect(load({ ...minimal, WEBHOOK_SECRET: '', WEBHOOKS: 'off' }).webhook).toBeUndefined();
  });

  it('warn when nothing is left that would notice a push', () => {
    const env = { ...minimal, WEBHOOK_SECRET: '', WEBHOOKS: 'off' };
    expect(load({ ...env, POLL_INTERVAL: 'off' }).warnings.join()).toContain('POLL_INTERVAL');
    expect(load(env).warnings.join()).not.toContain('POLL_INTERVAL');
  });
});

describe('the forge', () => {
  const withToken = (env: Record<string, string>) => ({ ...minimal, FORGE_TOKEN: 'a-token-of-the-forge', ...env });
  const forgeFor = (env: Record<string, string>) => {
    const { name, apiUrl, project } = load(withToken(env)).fleets[0]?.forge ?? {};
    return [name, apiUrl, project];
  };

  it.each([
    ['https://github.com/Ada/Fleet.git', 'github', 'https://api.github.com', 'Ada/Fleet'],
    ['git@github.com:Ada/Fleet.git', 'github', 'https://api.github.com', 'Ada/Fleet'],
    ['ssh://git@ssh.github.com:443/Ada/Fleet.git', 'github', 'https://api.github.com', 'Ada/Fleet'],
    ['https://gitlab.com/group/sub/Fleet.git', 'gitlab', 'https://gitlab.com/api/v4', 'group/sub/Fleet'],
    ['git@gitlab.example.org:group/sub/Fleet', 'gitlab', 'https://gitlab.example.org/api/v4', 'group/sub/Fleet'],
    ['https://codeberg.org/ada/fleet', 'forgejo', 'https://codeberg.org/api/v1', 'ada/fleet'],
    ['ssh://git@gitea.example.org:2222/ada/fleet', 'gitea', 'https://gitea.example.org/api/v1', 'ada/fleet'],
    ['https://gitea.example.org:3000/git/ada/fleet', 'gitea', 'https://gitea.example.org:3000/git/api/v1', 'ada/fleet'],
  ])('of %s is known', (url, ...known) => {
    expect(forgeFor({ GIT_URL: url })).toEqual(known);
  });

  it('is named where its host does not tell it', () => {
    const url = 'https://git.example.org/ada/fleet.git';
    expect(load({ ...minimal, GIT_URL: url }).fleets[0]?.forge).toBeUndefined();
    expect(mistakesOf(withToken({ GIT_URL: url }))).toEqual([
      'FORGE: needed to send statuses and comments with FORGE_TOKEN: forgejo, gitea, gitlab, github',
    ]);
    expect(forgeFor({ GIT_URL: url, FORGE: 'github' })).toEqual([
      'github',
      'https://git.example.org/api/v3',
      'ada/fleet',
    ]);
  });

  it('may lie under a path, also one of groups in groups', () => {
    const env = { GIT_URL: 'https://example.org/gitlab/Group/Sub/Fleet.git', FORGE: 'gitlab' };
    const repository = { WEBHOOK_REPOSITORY: 'group/sub/fleet' };
    expect(forgeFor({ ...env, ...repository })).toEqual([
      'gitlab',
      'https://example.org/gitlab/api/v4',
      'Group/Sub/Fleet',
    ]);
  });

  it('may have its API elsewhere', () => {
    const env = { GIT_URL: '/srv/git/fleet.git', FORGE: 'gitea', WEBHOOK_REPOSITORY: 'ada/fleet' };
    expect(blamed(withToken(env))).toEqual(['FORGE_URL']);
    expect(forgeFor({ ...env, FORGE_URL: 'http://127.0.0.1:3000/api/v1/' })).toEqual([
      ...['gitea', 'http://127.0.0.1:3000/api/v1', 'ada/fleet'],
    ]);
  });

  it.each([
    'http://git.example.org/api/v1',
    'https://me:secret@git.example.org',
    'https://git.example.org/?x=1',
    'git.example.org',
  ])('gets its token over no such address: %s', (url) => {
    expect(blamed(withToken({ FORGE: 'gitea', FORGE_URL: url }))).toEqual(['FORGE_URL']);
  });

  it('links to the console where that is opened, over TLS', () => {
    expect(load(minimal).publicUrl).toBeUndefined();
    expect(load({ ...minimal, PUBLIC_URL: 'https://proxnix.example.org/' }).publicUrl).toBe(
      'https://proxnix.example.org',
    );
    expect(blamed({ ...minimal, PUBLIC_URL: 'http://proxnix.example.org' })).toEqual(['PUBLIC_URL']);
  });

  it('evaluates requests of strangers only where that is said, and then it is told as a risk', () => {
    expect(load(minimal).fleets[0]?.previewForks).toBe(false);
    const open = load({ ...minimal, PREVIEW_FORKS: 'on' });
    expect(open.fleets[0]?.previewForks).toBe(true);
    expect(open.risks).toEqual([expect.stringMatching(/^PREVIEW_FORKS: /)]);
  });
});

describe('the console', () => {
  it('is on when it is the only chat, and off beside another one unless it is asked for', () => {
    const chats = (env: Record<string, string>) => load({ ...minimal, ...env }).chats.map(({ name }) => name);
    expect(chats({})).toEqual(['console']);
    expect(chats(discord)).toEqual(['discord']);
    expect(chats({ ...discord, CONSOLE: 'on' })).toEqual(['console', 'discord']);
    expect(chats({ ...slack, CONSOLE: 'off' })).toEqual(['slack']);
  });

  it('cannot be turned off when it is the only chat', () => {
    expect(blamed({ ...minimal, CONSOLE: 'off' })).toEqual(['CONSOLE']);
  });

  it.each([
    { HTTP_HOST: '0.0.0.0' },
    { HTTP_HOST: '::' },
    { HTTP_HOST: '127.0.0.1.example.org' },
    { CONSOLE_HOSTS: 'proxnix.example.org' },
  ])('asks for a token where others reach it: %o', (env) => {
    expect(blamed({ ...minimal, ...env })).toEqual(['CONSOLE_TOKEN']);
    expect(blamed({ ...minimal, ...env, CONSOLE_TOKEN: 'a-console-token-of-a-test' })).toEqual([]);
    expect(blamed({ ...minimal, ...discord, ...env })).toEqual([]);
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('needs no configured token on %s', (host) => {
    expect(blamed({ ...minimal, HTTP_HOST: host })).toEqual([]);
    expect(load({ ...minimal, HTTP_HOST: host }).warnings.join()).not.toContain('HTTP_HOST');
  });

  it.each(['0.0.0.0', '::', '192.168.1.4', 'proxnix.example.org'])('warns of plain HTTP to others on %s', (host) => {
    const token = { CONSOLE_TOKEN: 'a-console-token-of-a-test' };
    const warned = (env: Record<string, string>) =>
      load({ ...minimal, ...env }).warnings.filter((warning) => warning.startsWith('HTTP_HOST: '));
    expect(warned({ ...token, HTTP_HOST: host })).toEqual([
      expect.stringMatching(/plain HTTP.*reverse proxy with TLS.*HTTP_HOST=127\.0\.0\.1/),
    ]);
    expect(warned({ ...discord, HTTP_HOST: host })).toEqual([]);
    expect(warned({ ...token, CONSOLE_HOSTS: 'proxnix.example.org' })).toEqual([]);
  });

  it('leaves the metrics off without a token for them', () => {
    expect(load(minimal)).not.toHaveProperty('metricsToken');
    expect(load({ ...minimal, METRICS_TOKEN: 'a-metrics-token-of-a-test' }).metricsToken).toBeInstanceOf(Secret);
    expect(blamed({ ...minimal, METRICS_TOKEN: 'short' })).toEqual(['METRICS_TOKEN']);
  });
});

describe('chats', () => {
  it('asks for everything Discord needs when one part is there', () => {
    for (const name of Object.keys(discord)) {
      const part = Object.fromEntries(Object.entries(discord).filter(([key]) => key !== name));
      expect(blamed({ ...minimal, ...part, CONSOLE: 'on' })).toEqual([name]);
    }
  });

  it('asks for everything Slack needs when one part is there', () => {
    for (const name of Object.keys(slack)) {
      const part = Object.fromEntries(Object.entries(slack).filter(([key]) => key !== name));
      expect(blamed({ ...minimal, ...part, CONSOLE: 'on' })).toEqual([name]);
    }
  });

  it('asks for the signing secret instead of the app token over HTTP', () => {
    const { SLACK_APP_TOKEN: _, ...http } = { ...slack, SLACK_MODE: 'http' };
    expect(blamed({ ...minimal, ...http })).toEqual(['SLACK_SIGNING_SECRET']);
    const config = load({ ...minimal, ...http, SLACK_SIGNING_SECRET: 'a-signing-secret' });
    expect(config.chats.map(({ name }) => name)).toEqual(['slack']);
  });

  it('makes the places where a fleet is decided out of guild, workspace and channels', () => {
    expect(load({ ...minimal, ...discord, ...slack }).fleets[0]?.policy.places).toEqual([
      { chat: 'discord', workspace: '112233445566778899', channel: '223344556677889900' },
      { chat: 'slack', workspace: 'T0123ABCD', channel: 'C0123ABCD' },
    ]);
  });
});

describe('approvers', () => {
  it('are ids of people and groups of each chat', () => {
    const ids = [
      'console:owner',
      'discord:user:445566778899001122',
      role,
      'slack:user:U0123ABCD',
      'slack:group:S0123ABCD',
    ];
    const config = load({ ...minimal, ...discord, ...slack, CONSOLE: 'on', APPROVERS: ids.join(' , ') });
    expect(config.fleets[0]?.policy.approvers).toEqual(ids);
    expect(config.warnings).toEqual([]);
  });

  it.each([
    'ada',
    '@ada',
    'discord:ada',
    'discord:user:ada',
    'discord:user:123',
    'discord:group:334455667788990011',
    'slack:user:S0123ABCD',
    'console:',
    'console:owner:x',
  ])('are no names: %s', (text) => {
    expect(blamed({ ...minimal, APPROVERS: `console:owner,${text}` })).toEqual(['APPROVERS']);
  });

  it('are not everyone: the role with the id of the guild is refused', () => {
    expect(blamed({ ...minimal, ...discord, APPROVERS: `discord:role:${discord.DISCORD_GUILD}` })).toEqual([
      'APPROVERS',
    ]);
  });

  it('are missed with a warning when there are none, too few, or of a chat that is off', () => {
    const warnings = (env: Record<string, string>) => load({ ...minimal, ...env }).warnings;
    expect(warnings({})[0]).toMatch(/^APPROVERS: is empty/);
    expect(warnings({ APPROVERS: 'console:owner', APPROVALS: '2' })[0]).toMatch(/^APPROVALS: /);
    expect(warnings({ APPROVERS: `console:owner,${role}` })[0]).toMatch(/^APPROVERS: names people of discord/);
    expect(warnings({ ...discord, APPROVERS: role, APPROVALS: '2' })).toEqual([]);
  });

  it('are as wrongly everyone among the viewers', () => {
    expect(blamed({ ...minimal, ...discord, VIEWERS: `discord:role:${discord.DISCORD_GUILD}` })).toEqual(['VIEWERS']);
    expect(blamed({ ...minimal, VIEWERS: 'everybody' })).toEqual(['VIEWERS']);
  });

  it('and viewers are looked up in their chat, each once', () => {
    const { fleets } = load({
      ...minimal,
      ...discord,
      ...slack,
      APPROVERS: role,
      VIEWERS: `${role},slack:group:S0123ABCD`,
    });
    expect(fleets[0]?.policy.viewers).toEqual([role, 'slack:group:S0123ABCD']);
    expect(namedIn('discord', fleets)).toEqual([role]);
    expect(namedIn('slack', fleets)).toEqual(['slack:group:S0123ABCD']);
  });

  it('of several chats are one person by PEOPLE, and each id is one person', () => {
    const two = 'ada = console:ada, ada=slack:user:U0123ABCD,grace=console:grace';
    const people = load({ ...minimal, PEOPLE: two }).fleets[0]?.policy.people;
    expect({ ...people }).toEqual({ 'console:ada': 'ada', 'slack:user:U0123ABCD': 'ada', 'console:grace': 'grace' });
    for (const wrong of ['ada', '=console:ada', `ada=${role}`, 'ada=console:x, grace=console:x']) {
      expect(blamed({ ...minimal, PEOPLE: wrong }), wrong).toEqual(['PEOPLE']);
    }
    const unmapped = { ...minimal, ...discord, APPROVALS: '2', CONSOLE: 'on', APPROVERS: `console:owner,${role}` };
    expect(load(unmapped).warnings).toEqual([expect.stringMatching(/^PEOPLE: is empty/)]);
    expect(load({ ...unmapped, PEOPLE: 'ada=console:owner' }).warnings).toEqual([]);
  });

  it('need to know who the author is when the author may not approve', () => {
    const env = { ...minimal, AUTHOR_MAY_APPROVE: 'false' };
    expect(blamed(env)).toEqual(['AUTHORS']);
    const both = 'Ada Lovelace=console:ada, Ada Lovelace=slack:user:U0123ABCD,grace@example.org=console:grace';
    const authors = load({ ...env, AUTHORS: both }).fleets[0]?.policy.authors;
    expect(authors?.['Ada Lovelace']).toEqual(['console:ada', 'slack:user:U0123ABCD']);
    expect(authors?.['grace@example.org']).toEqual(['console:grace']);
    expect(blamed({ ...minimal, AUTHORS: `Ada=${role}` })).toEqual(['AUTHORS']);
    const programs = load({ ...env, AUTHORS: 'GitHub=bot,Ada@Example.org=console:ada' }).fleets[0]?.policy.authors;
    expect({ ...programs }).toEqual({ GitHub: [], 'ada@example.org': ['console:ada'] });
  });

  it('find nothing for an author called like a member of every object', () => {
    expect(load(minimal).fleets[0]?.policy.authors['constructor']).toBeUndefined();
  });
});

describe('unknown variables', () => {
  it.each([
    ['GIT_BRNACH', 'GIT_BRANCH'],
    ['APPROVER', 'APPROVERS'],
    ['DISCORD_GUILD_ID', 'DISCORD_GUILD'],
    ['PROXMOX_TOKEN', 'PROXMOX_TOKEN_ID'],
    ['PROXNIX_GIT_URL', 'GIT_URL'],
    ['WEBHOOK_SECRET_FIEL', 'WEBHOOK_SECRET_FILE'],
  ])('warns of %s with the name that is near', (name, near) => {
    expect(load({ ...minimal, APPROVERS: 'console:owner', [name]: 'x' }).warnings).toEqual([
      `${name}: is not read; ${near} is meant?`,
    ]);
  });

  it('warns of anything that begins with PROXNIX_', () => {
    expect(load({ ...minimal, PROXNIX_COLOUR: 'x' }).warnings.join()).toContain('PROXNIX_COLOUR: is not read');
  });

  it('is silent about variables of other programs', () => {
    const others = [
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'NO_PROXY',
      'GIT_DIR',
      'GIT_SSH',
      'NIX_PATH',
      'NIX_CONFIG',
      'NIX_SSL_CERT_FILE',
      'PATH',
      'HOME',
      'LOGNAME',
      'STATE_DIRECTORY',
      'PROXMOX_VE_ENDPOINT',
      'HOSTNAME',
      'TERM',
      '_',
    ];
    const env = Object.fromEntries(others.map((name) => [name, 'x']));
    expect(load({ ...minimal, APPROVERS: 'console:owner', ...env }).warnings).toEqual([]);
  });
});

describe('the fleets file', () => {
  const file = {
    clusters: {
      home: { url: 'https://pve1:8006', tokenId: 'proxnix@pve!bot', tokenSecret: { env: 'HOME_SECRET' } },
      lab: {
        url: 'https://lab:8006',
        tokenId: 'proxnix@pve!bot',
        tokenSecret: { file: '/lab' },
        imageStorage: 'images',
      },
    },
    fleets: {
      web: { cluster: 'home', gitUrl: 'git@github.com:ada/web.git', approvals: 2, planExpiry: '4h' },
      test: {
        cluster: 'lab',
        gitUrl: 'https://git.example.org/ada/test',
        branch: 'next',
        discordChannel: '556677889900112233',
      },
    },
  };
  const env = {
    ...discord,
    WEBHOOK_SECRET: minimal.WEBHOOK_SECRET,
    PROXNIX_FLEETS: '/fleets.json',
    HOME_SECRET: 'home-token-secret',
    APPROVERS: role,
  };
  const files = (text: unknown) => ({ '/fleets.json': JSON.stringify(text), '/lab': 'lab-token-secret\n' });

  it('tells that its fleets share a Nix store, unless each has its own', () => {
    const risks = (more: object) => load({ ...env, ...more }, files(file)).risks;
    expect(risks({})).toEqual([expect.stringMatching(/^NIX_PRIVATE_STORE: /)]);
    expect(risks({ NIX_PRIVATE_STORE: 'true' })).toEqual([]);
  });

  it('makes several fleets; what an entry leaves out comes from the environment', () => {
    const config = load(env, files(file));
    expect(config.fleets).toMatchObject([
      {
        name: 'web',
        cluster: 'home',
        git: { branch: 'main', repository: 'ada/web' },
        policy: { approvers: [role], approvals: 2, places: [{ channel: discord.DISCORD_CHANNEL }] },
        planExpiryMs: 14_400_000,
      },
      {
        name: 'test',
        cluster: 'lab',
        git: { branch: 'next' },
        policy: { approvals: 1, places: [{ channel: '556677889900112233' }] },
      },
    ]);
    expect(config.clusters.map(({ tokenSecret, imageStorage }) => [tokenSecret.reveal(), imageStorage])).toEqual([
      ['home-token-secret', 'local'],
      ['lab-token-secret', 'images'],
    ]);
    expect(config.secrets.map((secret) => secret.reveal())).toContain('lab-token-secret');
  });

  it('says for each fleet who may look, who is who, and whether other branches may be approved', () => {
    const web = { viewers: ['console:vera'], people: ['ada=console:ada'], allowOtherBranches: true };
    const fleets = { web: { ...file.fleets.web, ...web }, test: file.fleets.test };
    const config = load({ ...env, VIEWERS: role, PEOPLE: 'eve=console:eve' }, files({ ...file, fleets }));
    expect(
      config.fleets.map(({ policy }) => [policy.viewers, { ...policy.people }, policy.allowOtherBranches]),
    ).toEqual([
      [['console:vera'], { 'console:ada': 'ada' }, true],
      [[role], { 'console:eve': 'eve' }, false],
    ]);
    const wrong = { ...file, fleets: { web: { ...file.fleets.web, viewers: ['ada'], people: ['x'] } } };
    expect(blamed(env, files(wrong))).toEqual(['PROXNIX_FLEETS', 'PROXNIX_FLEETS']);
  });

  it('says for each fleet where its images are', () => {
    const web = {
      containerAttribute: 'config.formats.lxc',
      containerFile: 'tarball/web.tar.xz',
      imageFile: 'web.qcow2',
    };
    const fleets = { ...file.fleets, web: { ...file.fleets.web, ...web } };
    const config = load({ ...env, CONTAINER_ATTRIBUTE: 'config.lxc' }, files({ ...file, fleets }));
    expect(config.fleets.map(({ flake }) => flake)).toEqual([
      { imageAttribute: 'config.system.build.qcow2', ...web },
      { imageAttribute: 'config.system.build.qcow2', containerAttribute: 'config.lxc' },
    ]);
    expect(blamed({ ...env, CONTAINER_FILE: 'a.tar.xz', IMAGE_FILE: 'a.qcow2' }, files(file))).toEqual([
      'IMAGE_FILE',
      'CONTAINER_FILE',
    ]);
  });

  it('names the place of each mistake', () => {
    const { home, lab } = file.clusters;
    const lines = mistakesOf(
      { ...env, HOME_SECRET: undefined },
      {
        '/fleets.json': JSON.stringify({
          clusters: { home, lab },
          fleets: { web: { ...file.fleets.web, cluster: 'hoem' } },
        }),
      },
    );
    expect(lines).toEqual([
      'PROXNIX_FLEETS: clusters.lab.tokenSecret: expected a file that can be read (ENOENT): /lab',
      'PROXNIX_FLEETS: fleets.web.cluster: expected one of home, lab',
      'PROXNIX_FLEETS: clusters.home.tokenSecret: expected a token of at least 8 characters without spaces',
    ]);
    const wrong = { ...file.fleets.web, approvals: 0, colour: 'red', gitUrl: 'ext::x', tokenSecret: 'in the file' };
    const shape = mistakesOf(env, files({ ...file, fleets: { web: wrong } })).join('\n');
    for (const place of ['fleets.web.approvals', 'fleets.web.gitUrl', 'colour']) expect(shape).toContain(place);
    const slip = { ...file.fleets.web, aproverrs: ['console:owner'] };
    expect(mistakesOf(env, files({ ...file, fleets: { web: slip } }))).toEqual([
      'PROXNIX_FLEETS: fleets.web.aproverrs: expected another key, did you mean "approvers"?',
    ]);
  });

  it('is refused when it is missing, no JSON, or without a fleet', () => {
    expect(blamed(env)).toEqual(['PROXNIX_FLEETS']);
    expect(blamed(env, { '/fleets.json': '{' })).toContain('PROXNIX_FLEETS');
    expect(blamed(env, files({ clusters: {}, fleets: {} }))).toEqual(['PROXNIX_FLEETS']);
  });

  it('does not mix with the variables of the one fleet', () => {
    expect(blamed({ ...env, GIT_URL: minimal.GIT_URL, PROXMOX_POOL: 'x' }, files(file))).toEqual([
      'PROXMOX_POOL',
      'GIT_URL',
    ]);
  });
});
