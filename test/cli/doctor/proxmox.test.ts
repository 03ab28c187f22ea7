import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { examineCluster, type Guests } from '../../../src/cli/doctor/proxmox.ts';
import type { ClusterConfig } from '../../../src/config/config.ts';
import { parseDesired } from '../../../src/core/desired.ts';
import type { Finding } from '../../../src/core/finding.ts';
import { Secret } from '../../../src/secret.ts';
import { demoSeed, type Seed, startSimulator } from '../../../src/simulator/simulator.ts';
import { aFlakeEntry } from '../../support/builders.ts';
import { startFront } from '../support/front.ts';
import { aSimulator } from '../support/services.ts';

const tokenId = 'proxnix@pve!bot';

/** A demo cluster whose bot has other rights. */
function seedWith(
  rights: (before: Record<string, string[]>) => Record<string, string[]>,
  more: Partial<Seed> = {},
): Seed {
  const seed = demoSeed();
  const tokens = seed.tokens.map((token) =>
    token.tokenid === tokenId ? { ...token, privileges: rights({ ...token.privileges }) } : token,
  );
  return { ...seed, tokens, ...more };
}

function without(path: string, ...names: readonly string[]) {
  return (rights: Record<string, string[]>) => ({
    ...rights,
    [path]: (rights[path] ?? []).filter((name) => !names.includes(name)),
  });
}

const withoutAnyOn = (path: string) => (rights: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(rights).filter(([one]) => one !== path));

const secretOf = ({ tokens }: Seed) => new Secret(tokens.find(({ tokenid }) => tokenid === tokenId)?.secret ?? '');

const vm = aFlakeEntry('vm', { name: 'web', vm_id: 820, storage_location: 'fast' });
const container = aFlakeEntry('container', { name: 'cache', vm_id: 830 });

function guests(change: object = {}): Guests {
  return { guests: parseDesired({ vms: { web: { ...vm, ...change } } }), missing: [] };
}

async function examine(
  seed: Seed,
  change: Partial<ClusterConfig> = {},
  wanted: Guests = guests(),
): Promise<{ findings: readonly Finding[]; clock: readonly { from: string; aheadMs: number }[] }> {
  const url = change.url ?? (await aSimulator(seed)).url;
  const cluster = { name: 'default', tokenId, tokenSecret: secretOf(seed), fingerprints: [], imageStorage: 'local' };
  const options = { area: 'Proxmox', guests: Promise.resolve(wanted), timeoutMs: 5000, now: Date.now };
  return examineCluster({ ...cluster, ...change, url }, options);
}

describe('a cluster whose statistics hang', () => {
  it('has no node that is down but the one that does not answer', async () => {
    const seed = demoSeed();
    const [first] = seed.nodes;
    if (first === undefined) throw new Error('no node');
    const nodes = [first, { ...first, node: 'pve2', unreachable: 'No route to host' }];
    const simulator = await aSimulator({ ...seed, nodes });
    const texts = async () =>
      (await examine(seed, { url: simulator.url })).findings.map(({ status, text }) => `${status} ${text}`);
    const before = await texts();
    expect(before).toContain('warn the node pve2 is down');
    await simulator.outside({ do: 'statistics-down' });
    expect(await texts()).toEqual(before);
  });
});

const bad = (findings: readonly Finding[]) => findings.filter(({ status }) => status !== 'ok');

describe('a cluster as it should be', () => {
  it('has nothing to complain about, and says the time', async () => {
    const { findings, clock } = await examine(demoSeed());
    expect(bad(findings)).toEqual([]);
    expect(findings.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ answers; unencrypted, inside this machine$/),
      'the token proxnix@pve!bot is accepted',
      'Proxmox VE 9.2.11',
      'the token has its 12 rights on /vms',
      'the token has its 2 rights on /storage/fast',
      'the token has its 3 rights on /storage/local',
      'the token has its right on /sdn/zones/localnetwork/vmbr0',
      'the token has its right on /nodes',
      'all nodes are up: pve1',
      'storage local is there (takes images of VMs)',
      'storage fast is there (holds disks of VMs)',
    ]);
    expect(Math.abs(clock[0]?.aheadMs ?? Number.NaN)).toBeLessThan(10_000);
  });

  it('may be 8.4, where the agent has another right', async () => {
    const seed = seedWith((rights) => rights, { version: '8.4.1' });
    expect(bad((await examine(seed)).findings)).toMatchObject([
      { status: 'fail', text: 'VM.Monitor is missing on /vms', fix: expect.stringContaining('--privs VM.Monitor;') },
    ]);
    const right = seedWith((rights) => ({ ...rights, '/vms': [...(rights['/vms'] ?? []), 'VM.Monitor'] }), {
      version: '8.4.1',
    });
    expect(bad((await examine(right)).findings)).toEqual([]);
  });

  it('may give its rights on a pool, or on all guests, when there is a pool', async () => {
    const pool = { pool: 'proxnix' };
    const onPool = seedWith(withoutAnyOn('/vms'));
    expect(bad((await examine(onPool, pool)).findings)).toEqual([]);
    const onAll = seedWith(withoutAnyOn('/pool/proxnix'));
    expect(bad((await examine(onAll, pool)).findings)).toEqual([]);
    expect(bad((await examine(onPool)).findings)).toHaveLength(1);
  });
});

describe('a tag policy of the datacenter', () => {
  const tagged = {
    guests: [
      { type: 'qemu' as const, vmid: 820, node: 'pve1', config: { name: 'web', memory: '512', tags: 'proxnix' } },
    ],
  };
  const auditor = (rights: Record<string, string[]>) => ({ ...rights, '/': ['Sys.Audit'] });

  it('without free tags is found where the token may read it', async () => {
    const seed = seedWith(auditor, { options: { 'user-tag-access': { 'user-allow': 'list' } } });
    expect(bad((await examine(seed)).findings)).toMatchObject([
      { status: 'fail', text: expect.stringContaining('"list"'), fix: expect.stringContaining('user-allow=free') },
    ]);
  });

  it.each([
    ['registers proxnix', { 'registered-tags': ['proxnix'] }],
    ['has a list', { 'user-tag-access': { 'user-allow': 'list', 'user-allow-list': ['web'] } }],
    ['allows none', { 'user-tag-access': { 'user-allow': 'none' } }],
  ])('that %s is found by the allowed tags once a guest is ours', async (_, options) => {
    const { findings } = await examine(seedWith((rights) => rights, { options, ...tagged }));
    expect(bad(findings)).toMatchObject([{ status: 'fail', text: expect.stringContaining('the tag proxnix') }]);
  });

  it('that lets tokens tag as they like is nothing to say', async () => {
    expect(bad((await examine(seedWith((rights) => rights, tagged))).findings)).toEqual([]);
  });
});

describe('rights that are missing', () => {
  const needed = [
    ...['VM.Allocate', 'VM.Audit', 'VM.Config.CPU', 'VM.Config.Disk', 'VM.Config.HWType', 'VM.Config.Memory'],
    ...['VM.Config.Network', 'VM.Config.Options', 'VM.PowerMgmt', 'VM.GuestAgent.Audit'],
  ];
  it.each(needed)('are named one by one: %s', async (name) => {
    const { findings } = await examine(seedWith(without('/vms', name)));
    expect(bad(findings)).toEqual([
      {
        status: 'fail',
        area: 'Proxmox',
        text: `${name} is missing on /vms`,
        fix:
          `pveum role add ProxnixVM 2>/dev/null; pveum role modify ProxnixVM --append 1 --privs ${name}; ` +
          'pveum acl modify /vms --roles ProxnixVM --users proxnix@pve; ' +
          "pveum acl modify /vms --roles ProxnixVM --tokens 'proxnix@pve!bot'",
      },
    ]);
  });

  it('are warnings where the bot does most of its work without them', async () => {
    const seed = seedWith((rights) => {
      const withoutCloudInit = without('/vms', 'VM.Config.Cloudinit', 'VM.Config.CDROM')(rights);
      const withoutDelete = without('/storage/local', 'Datastore.Allocate')(withoutCloudInit);
      return without('/nodes', 'Sys.Audit')(withoutDelete);
    });
    const { findings } = await examine(seed);
    expect(bad(findings).map(({ status, text }) => `${status} ${text}`)).toEqual([
      'warn VM.Config.Cloudinit is missing on /vms; it is for cloud-init drives of VMs that are there already',
      'warn VM.Config.CDROM is missing on /vms; it is for cloud-init drives of VMs that are there already',
      'warn Datastore.Allocate is missing on /storage/local; it is for deleting images that no guest uses any more',
      'warn Sys.Audit is missing on /nodes; it is for placing a new guest on the node with the most free memory',
    ]);
  });

  it('all of a path are one line, because one line mends them', async () => {
    const { findings } = await examine(seedWith(withoutAnyOn('/vms')));
    expect(bad(findings)).toMatchObject([
      {
        status: 'fail',
        text: expect.stringMatching(/^the token has no right on \/vms; missing: VM\.Allocate .*VM\.PowerMgmt/),
      },
    ]);
    expect(bad(findings)[0]?.fix).toContain("--privs 'VM.Allocate VM.Audit ");
  });

  it('on a bridge are a failure, on a VNet of some zone a warning', async () => {
    const seed = seedWith(withoutAnyOn('/sdn/zones/localnetwork/vmbr0'));
    expect(bad((await examine(seed)).findings)).toMatchObject([
      { status: 'fail', text: 'SDN.Use is missing on /sdn/zones/localnetwork/vmbr0' },
    ]);
    expect(bad((await examine(demoSeed(), {}, guests({ network_bridge: 'blue' }))).findings)).toMatchObject([
      { status: 'warn', text: expect.stringContaining('fine if it is a VNet') },
    ]);
  });
});

it('rights that single settings need are named, each with the line that grants it', async () => {
  const wanted = guests({
    ...{ startup: { order: 1 }, pool: 'web', pci: ['gpu'] },
    networks: [{ bridge: 'vmbr0' }, { bridge: 'vmbr7' }],
    disks: { data: { slot: 'scsi1', size_gb: 1, storage: 'elsewhere' } },
  });
  const { findings } = await examine(demoSeed(), {}, wanted);
  const told = bad(findings).map(({ text, fix = '' }) => `${text} | ${fix}`);
  for (const [privilege, path] of [
    ['Sys.Modify', '/'],
    ['Mapping.Use', '/mapping/pci/gpu'],
    ['SDN.Use', '/sdn/zones/localnetwork/vmbr7'],
  ]) {
    const found = told.find((text) => text.startsWith(`${privilege} is missing on ${path} `));
    expect(found, `${privilege} on ${path}`).toContain(`pveum acl modify ${path} `);
  }
  expect(told.find((text) => text.includes('/pool/web; missing: Pool.Allocate Pool.Audit'))).toContain(
    'pveum acl modify /pool/web ',
  );
  expect(told.some((text) => text.includes('/storage/elsewhere'))).toBe(true);
});

describe('storages', () => {
  const content = (name: string, list: string[]) => {
    const seed = demoSeed();
    return { ...seed, storages: seed.storages.map((one) => (one.storage === name ? { ...one, content: list } : one)) };
  };

  it('without import cannot take images, and the line that mends it keeps what they hold', async () => {
    const { findings } = await examine(content('local', ['iso', 'vztmpl']));
    expect(bad(findings)).toEqual([
      {
        status: 'fail',
        area: 'Proxmox',
        text: 'storage local does not take import: its content is iso,vztmpl',
        fix: 'pvesm set local --content iso,vztmpl,import',
      },
    ]);
  });

  it('take the images of containers, and those of VMs only where there are VMs', async () => {
    const here = async (fleet: object, list: string[]) => {
      const wanted = { guests: parseDesired(fleet), missing: [] };
      return bad((await examine(content('local', list), {}, wanted)).findings).map(({ text, fix }) => [text, fix]);
    };
    const containers = { cache: container };
    expect(await here({ containers }, ['vztmpl'])).toEqual([]);
    expect(await here({ vms: { web: vm } }, ['import'])).toEqual([]);
    expect(await here({ containers }, ['import'])).toEqual([
      ['storage local does not take vztmpl: its content is import', 'pvesm set local --content import,vztmpl'],
    ]);
    expect(await here({ containers, vms: { web: vm } }, ['iso'])).toEqual([
      ['storage local does not take import, vztmpl: its content is iso', 'pvesm set local --content iso,import,vztmpl'],
    ]);
  });

  it('hold what the guests on them need, and one line mends a storage', async () => {
    const fleet = (storage_location: string) => ({
      guests: parseDesired({ vms: { web: vm }, containers: { cache: { ...container, storage_location } } }),
      missing: [],
    });
    expect((await examine(demoSeed(), {}, fleet('local-lvm'))).findings.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'storage local is there (takes images of VMs, takes images of containers)',
        'storage fast is there (holds disks of VMs)',
        'storage local-lvm is there (holds disks of containers)',
      ]),
    );
    const findings = async (list: string[]) => bad((await examine(content('fast', list), {}, fleet('fast'))).findings);
    expect(await findings(['images', 'rootdir'])).toEqual([]);
    expect(await findings(['images'])).toMatchObject([
      { status: 'fail', text: 'storage fast does not take rootdir: its content is images' },
    ]);
    expect(await findings(['backup'])).toMatchObject([{ fix: 'pvesm set fast --content backup,images,rootdir' }]);
    const one = await examine(content('local', ['iso']), {}, fleet('local'));
    expect(bad(one.findings).filter(({ text }) => text.includes('content'))).toMatchObject([
      {
        text: 'storage local does not take import, vztmpl, rootdir: its content is iso',
        fix: 'pvesm set local --content iso,import,vztmpl,rootdir',
      },
    ]);
  });

  it('that the flake names have to hold disks', async () => {
    expect(bad((await examine(content('fast', ['backup']))).findings)).toMatchObject([
      { status: 'fail', text: 'storage fast does not take images: its content is backup' },
    ]);
  });

  it('that are not there are said to be missing', async () => {
    const rights = seedWith((before) => ({
      ...before,
      '/storage': ['Datastore.AllocateSpace', 'Datastore.Audit', 'Datastore.AllocateTemplate', 'Datastore.Allocate'],
    }));
    const { findings } = await examine(rights, { imageStorage: 'nosuch' }, guests({ storage_location: 'gone' }));
    expect(bad(findings)).toMatchObject([
      {
        status: 'fail',
        text: 'storage nosuch is not there',
        fix: 'pvesm add dir nosuch --path /var/lib/nosuch --content import,vztmpl',
      },
      { status: 'fail', text: 'storage gone is not there', fix: expect.stringContaining('pvesm status') },
    ]);
  });

  it('that are disabled are said to be so', async () => {
    const seed = demoSeed();
    const storages = seed.storages.map((one) => (one.storage === 'fast' ? { ...one, enabled: false } : one));
    expect(bad((await examine({ ...seed, storages })).findings)).toMatchObject([
      { status: 'fail', text: 'storage fast is disabled or not mounted', fix: 'pvesm set fast --disable 0' },
    ]);
  });

  it('that the token may not see are skipped, because the right is named already', async () => {
    const { findings } = await examine(seedWith(withoutAnyOn('/storage/fast')));
    expect(bad(findings)).toMatchObject([
      { status: 'fail', text: expect.stringContaining('no right on /storage/fast') },
      { status: 'skip', text: 'storage fast cannot be read without the right on it' },
    ]);
  });

  it('and bridges of a flake that was not read are skipped with a line', async () => {
    const { findings } = await examine(demoSeed(), {}, { guests: [], missing: ['home'] });
    expect(bad(findings)).toEqual([
      {
        status: 'skip',
        area: 'Proxmox',
        text: 'target storages and bridges of fleet home: its flake was not evaluated',
      },
    ]);
  });
});

describe('nodes', () => {
  it('are each looked at for the storages, and the line that adds one keeps the others', async () => {
    const seed = demoSeed();
    const nodes = ['pve1', 'pve2', 'pve3'].map((node) => ({ ip: '10.77.0.1', maxcpu: 8, maxmem: 1e9, node }));
    const storages = seed.storages.map((one) =>
      one.storage === 'local'
        ? { ...one, nodes: ['pve1', 'pve3'] }
        : one.storage === 'fast'
          ? { ...one, nodes: ['pve2'] }
          : one,
    );
    const { findings } = await examine({ ...seed, nodes, storages });
    expect(bad(findings)).toMatchObject([
      { status: 'warn', text: 'storage local is not there on pve2', fix: 'pvesm set local --nodes pve1,pve2,pve3' },
      { status: 'warn', text: 'storage fast is not there on pve1, pve3', fix: 'pvesm set fast --nodes pve1,pve2,pve3' },
    ]);
    const [first, second, third] = nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error('no nodes');
    const down = { ...seed, storages, nodes: [first, second, { ...third, unreachable: 'No route to host' }] };
    expect(bad((await examine(down)).findings)).toContainEqual(
      expect.objectContaining({
        text: 'storage local is not there on pve2',
        fix: 'pvesm set local --nodes pve1,pve2   (and the nodes that are down and have it)',
      }),
    );
  });

  it('that are down are a warning, those the flake makes up a failure', async () => {
    const seed = demoSeed();
    const second = {
      ...seed.nodes[0],
      node: 'pve2',
      ip: '10.77.0.2',
      maxcpu: 8,
      maxmem: 1,
      unreachable: 'No route to host',
    };
    const { findings } = await examine({ ...seed, nodes: [...seed.nodes, second] }, {}, guests({ node: 'pve9' }));
    expect(bad(findings)).toMatchObject([
      {
        status: 'fail',
        text: 'the flake names the node pve9, which does not exist',
        fix: expect.stringContaining('pve1, pve2'),
      },
      { status: 'warn', text: 'the node pve2 is down' },
    ]);
  });
});

describe('a cluster that cannot be used', () => {
  it('is too old before 8.4, and is asked nothing further', async () => {
    const seed = demoSeed();
    const front = await startFront((await aSimulator(seed)).url);
    front.answers.set('GET /api2/json/version', { status: 200, body: { data: { version: '8.3.5', release: '8.3' } } });
    const { findings } = await examine(seed, { url: front.origin });
    expect(bad(findings)).toMatchObject([{ status: 'fail', text: expect.stringContaining('8.3.5 is too old') }]);
    expect(front.requests).toEqual(['GET /api2/json/version']);
  });

  it('refuses a wrong secret, and that is said without it', async () => {
    const tokenSecret = new Secret('canary-wrong-secret');
    const { findings } = await examine(demoSeed(), { tokenSecret });
    expect(findings).toMatchObject([
      { status: 'fail', fix: expect.stringContaining('proxnix@pve!bot: its id, its secret') },
    ]);
    expect(JSON.stringify(findings)).not.toContain('canary');
  });

  it('does not answer where nothing listens', async () => {
    const { findings } = await examine(demoSeed(), { url: 'http://127.0.0.1:1' });
    expect(findings).toMatchObject([
      {
        status: 'fail',
        text: 'Proxmox at http://127.0.0.1:1 does not answer (connection refused)',
        fix: expect.stringContaining('PROXMOX_URL='),
      },
    ]);
  });
});

describe('the certificate', () => {
  const fixture = (name: string) =>
    readFileSync(new URL(`../../simulator/fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
  const tls = { key: fixture('key'), cert: fixture('cert') };
  const shown = new X509Certificate(tls.cert).fingerprint256;

  async function url(): Promise<string> {
    const simulator = await startSimulator({ seed: demoSeed(), tls });
    onTestFinished(() => simulator.close());
    return simulator.url;
  }

  it('is trusted by its fingerprint', async () => {
    const { findings } = await examine(demoSeed(), { url: await url(), fingerprints: [shown] });
    expect(bad(findings)).toEqual([]);
    expect(findings[0]?.text).toContain('its certificate is proved by its fingerprint');
  });

  it.each([[[]], [[shown.replaceAll(/\w\w/g, 'AB')]]])(
    'of an unknown signer is shown to be compared (pins: %j)',
    async (fingerprints) => {
      const { findings } = await examine(demoSeed(), { url: await url(), fingerprints });
      expect(findings).toMatchObject([
        {
          status: 'fail',
          fix: `PROXMOX_FINGERPRINTS=${shown}   (only if \`pvenode cert info\` on the node shows the same)`,
        },
      ]);
    },
  );
});
