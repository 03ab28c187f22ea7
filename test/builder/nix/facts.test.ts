import { describe, expect, it } from 'vitest';
import { readFacts } from '../../../src/builder/nix/facts.ts';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import type { ImageFacts } from '../../../src/core/image-facts.ts';
import { vmImage } from '../../contracts/builder.ts';
import { aFlake, nix, nixOptions } from './here.ts';

const drv = (name: string) =>
  `(derivation { name = "${name}"; system = "${nix?.system}"; builder = "/bin/sh"; args = [ ]; })`;

/** The option values of a small system as NixOS evaluates them. */
const options: Readonly<Record<string, string>> = {
  users: `{
    groups.wheel.members = [ "carla" ];
    users = {
      root = { isNormalUser = false; uid = 0; hashedPassword = "!"; };
      ada = {
        isNormalUser = true; extraGroups = [ "wheel" ]; initialPassword = "x";
        openssh.authorizedKeys = { keys = [ "ssh-ed25519 AAAAC3Nza ada@laptop" "ssh-rsa AAAAB3NzaC1yc2E" ]; keyFiles = [ ./flake.nix ]; };
      };
      backup = { isSystemUser = true; openssh.authorizedKeys.keys = [ "command=\\"borg serve\\" ssh-ed25519 AAAA backup" ]; };
      carla = { isSystemUser = true; };
      dora = { isSystemUser = true; hashedPassword = "$6$x"; };
      nginx = { isSystemUser = true; password = null; };
    };
  }`,
  networking: `{
    firewall = {
      enable = true;
      allowedTCPPorts = [ 22 80 ]; allowedUDPPorts = [ 53 ];
      allowedTCPPortRanges = [ { from = 8000; to = 8010; } ]; allowedUDPPortRanges = [ ];
      interfaces.eth1.allowedTCPPorts = [ 9100 ];
      trustedInterfaces = [ "lo" "tailscale0" ];
    };
  }`,
  fileSystems: `{
    "/" = { fsType = "ext4"; label = "nixos"; device = null; };
    data = { mountPoint = "/srv"; fsType = "xfs"; device = "/dev/vdb"; label = null; };
  }`,
  services: `{ nginx = { enable = true; virtualHosts."example.org" = throw "is not looked at"; }; }`,
  systemd: `{
    services = {
      nginx = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = { User = "nginx"; ExecStart = "\${${drv('nginx-1.26.2')}}/bin/nginx"; ExecStartPre = [ "\${${drv('unit-script-nginx-pre-start')}}/x" ]; };
        script = "\${${drv('openssl-3.0.13')}}/bin/openssl";
      };
      idle = { wantedBy = [ ]; requiredBy = [ ]; serviceConfig = throw "is not looked at"; };
      off = { enable = false; wantedBy = [ "multi-user.target" ]; };
      dynamic = { requiredBy = [ "x.service" ]; serviceConfig.DynamicUser = true; };
      plain = { wantedBy = [ "multi-user.target" ]; };
    };
    timers = { daily = { wantedBy = [ "timers.target" ]; }; never = { wantedBy = [ ]; }; };
    sockets.docker.wantedBy = [ "sockets.target" ];
  }`,
  system: `{ nixos.release = "25.05"; }`,
  boot: `{ isContainer = false; kernelPackages.kernel.version = "6.12.30"; }`,
  environment: `{ systemPackages = [ ${drv('htop-3.4.1')} ${drv('git-2.49.0')} ${drv('git-2.49.0')} "/nix/store/text" ]; }`,
};

const facts: ImageFacts = {
  users: [
    {
      ...{ name: 'ada', wheel: true, password: true },
      keys: [
        { name: 'ada@laptop', digest: expect.stringMatching(/^[0-9a-f]{12}$/) },
        { name: '...zaC1yc2E', digest: expect.any(String) },
      ],
      keyFiles: [expect.stringMatching(/^[0-9a-f]{12}$/)],
    },
    {
      ...{ name: 'backup', wheel: false, password: false, keyFiles: [] },
      keys: [{ name: 'backup', digest: expect.any(String) }],
    },
    { name: 'carla', wheel: true, password: false, keys: [], keyFiles: [] },
    { name: 'dora', wheel: false, password: true, keys: [], keyFiles: [] },
    { name: 'root', wheel: false, password: false, keys: [], keyFiles: [] },
  ],
  firewall: {
    on: true,
    ports: [
      { protocol: 'tcp', from: 22, to: 22 },
      { protocol: 'tcp', from: 80, to: 80 },
      { protocol: 'tcp', from: 8000, to: 8010 },
      { protocol: 'udp', from: 53, to: 53 },
      { protocol: 'tcp', from: 9100, to: 9100, on: 'eth1' },
    ],
    trusted: ['tailscale0'],
  },
  mounts: [
    { at: '/', type: 'ext4', device: 'label nixos' },
    { at: '/srv', type: 'xfs', device: '/dev/vdb' },
  ],
  hosts: ['example.org'],
  services: [
    { name: 'dynamic', user: 'a user of its own' },
    { name: 'nginx', user: 'nginx' },
    { name: 'plain', user: 'root' },
  ],
  timers: ['daily'],
  sockets: ['docker'],
  release: '25.05',
  kernel: '6.12.30',
  packages: ['git-2.49.0', 'htop-3.4.1'],
  servicePackages: ['nginx-1.26.2', 'openssl-3.0.13'],
};

/** A flake with one image of this configuration, in which options may have other values. */
function configured(changed: Readonly<Record<string, string>> = {}, more = ''): string {
  const config = Object.entries({ ...options, ...changed }).map(([name, value]) =>
    name === 'system' ? `system = { build.qcow2 = ${drv('image')}; } // ${value};` : `${name} = ${value};`,
  );
  return `{ nixosConfigurations.web.config = { ${config.join('\n')} }; ${more} }`;
}

describe.skipIf(nix === undefined)('the facts of an image', () => {
  const evaluate = async (outputs: string) => {
    const warned: string[] = [];
    const builder = new NixBuilder(await nixOptions());
    const [one] = await builder.evaluateImages(await aFlake(outputs), [vmImage('web')], undefined, (text) => {
      warned.push(text);
    });
    if (one === undefined) throw new Error('no image');
    return { ...one, warned };
  };

  it('are read from the options of NixOS', async () => {
    const found = await evaluate(configured());
    expect(found.facts).toEqual(facts);
    expect(found.warned).toEqual([]);
  });

  it('of an older NixOS and of a container are where those have them', async () => {
    const { facts: found } = await evaluate(
      configured({
        system: '{ nixosRelease = "18.03"; }',
        boot: '{ isContainer = true; kernelPackages = throw "no"; }',
      }),
    );
    expect(found).toEqual({ ...facts, release: '18.03', kernel: '' });
  });

  it('of an image made of a changed configuration are those of that one', async () => {
    const system = `{ build.qcow2 = ${drv('image')} // { passthru.config.system.nixos.release = "25.11"; }; }`;
    expect((await evaluate(configured({ system }))).facts).toEqual({ release: '25.11', hosts: undefined });
  });

  it.each([
    ['throws', 'users', '{ users.ada = { isNormalUser = true; extraGroups = throw "no"; }; }'],
    ['fails an assertion', 'users', '{ users.ada = assert false; { }; }'],
    ['is of another type', 'users', '{ users = [ "ada" ]; }'],
    ['has a part of another type', 'users', '{ users.ada = "ada"; }'],
    ['has a list of another type', 'users', '{ users.ada = { isNormalUser = true; extraGroups = "wheel"; }; }'],
    ['has a key that is no text', 'users', '{ users.ada.openssh.authorizedKeys.keys = [ 1 ]; }'],
    ['has a port that is no number', 'networking', '{ firewall = { enable = true; allowedTCPPorts = [ "22" ]; }; }'],
    [
      'has a range without an end',
      'networking',
      '{ firewall = { enable = true; allowedTCPPortRanges = [ { from = 1; } ]; }; }',
    ],
    [
      'is longer than its limit',
      'environment',
      `{ systemPackages = builtins.genList (n: { name = "p\${toString n}"; }) 2001; }`,
    ],
    ['is absent', 'fileSystems', 'null'],
  ])('one that %s is not known, and the others are', async (_, name, value) => {
    const fact = { users: 'users', networking: 'firewall', environment: 'packages', fileSystems: 'mounts' }[name];
    const found = await evaluate(configured({ [name]: value }));
    const { [fact as keyof ImageFacts]: __, ...others } = facts;
    expect(found.facts).toEqual(others);
    expect(found.warned).toEqual([]);
  });

  it.each([
    ['abort', 'builtins.abort "no"', 'no'],
    ['a wrong type that only use shows', '[ ("a" + 1) ]', expect.stringMatching(/integer|string/)],
    ['endless recursion', 'let x = x; in x', expect.stringContaining('infinite recursion')],
  ])('are left out after %s, which no Nix catches, and the image is the same', async (_, value, why) => {
    const sound = await evaluate(configured());
    const found = await evaluate(
      configured({ users: `{ users.ada = { isNormalUser = true; extraGroups = ${value}; }; }` }),
    );
    expect(found.facts).toBeUndefined();
    expect(found.image).toEqual(sound.image);
    const [text = ''] = found.warned;
    expect(text.slice(0, 36)).toBe('What is inside of web is not known: ');
    expect(text.slice(36)).toEqual(why);
  });

  it('never change what is said of an image that fails', async () => {
    const broken = (users: string) => configured({ users }).replace(drv('image'), '(throw "no certificate")');
    const saidOf = (users: string) => evaluate(broken(users)).catch((error: unknown) => error);
    const said = await saidOf('{ }');
    expect(said).toMatchObject({ message: expect.stringContaining('The image web does not evaluate: no certificate') });
    expect(await saidOf('{ users.ada.isNormalUser = builtins.abort "no"; }')).toEqual(said);
  });

  it('hold a text that is too long as its digest', async () => {
    const long = 'ä'.repeat(300);
    const { facts: found } = await evaluate(configured({ fileSystems: `{ "/" = { fsType = "${long}"; }; }` }));
    expect(found?.mounts).toEqual([
      { at: '/', type: expect.stringMatching(/^[0-9a-f]{12} \(600 bytes\)$/), device: '' },
    ]);
  });
});

describe('facts as Nix tells them', () => {
  it('are left out where they have another shape, each alone', () => {
    expect(readFacts({ release: '25.05', users: [{ name: 1 }], timers: null, kernel: 'x'.repeat(301) })).toEqual({
      release: '25.05',
    });
    expect(readFacts(null)).toEqual({});
  });

  it('name no files of a unit as packages behind it', () => {
    const files = [
      'unit-script-a-start',
      'nginx.conf',
      'a-pre-start',
      'b.sh',
      'c.service',
      'd.json',
      'security-wrapper-sudo',
    ];
    expect(readFacts({ servicePackages: ['nginx-1.26.2', ...files] })).toEqual({ servicePackages: ['nginx-1.26.2'] });
  });
});
