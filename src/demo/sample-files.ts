import { UserError } from '../core/errors.ts';
import { diskScript, rootScript, tarballScript } from './sample-scripts.ts';

/** The VMs of the sample fleet by the short name that the edits take. */
export const sampleVms = ['init', 'cp', 'worker', 'website'] as const;
/** The name of a VM of the sample fleet, without `test-`. */
export type SampleVm = (typeof sampleVms)[number];

/** The VMs and the container that can be added to them, in the order of their VMIDs, the first of which is 820. */
export const sampleGuests = [...sampleVms, 'cache'] as const;
/** The name of any guest of the sample fleet, without `test-`. */
export type SampleGuest = (typeof sampleGuests)[number];

/** The file that declares a guest. */
export function declarationOf(guest: SampleGuest): 'vms.nix' | 'containers.nix' {
  return guest === 'cache' ? 'containers.nix' : 'vms.nix';
}

/**
 * The sample repository's first commit by path: the layout of the article behind the project (`proxnix.vms`, one
 * `nixosConfigurations.build-qcow2-*` for each VM), with no inputs, so nothing is ever downloaded.
 * @param system Nix's name of the machine that builds, e.g. `x86_64-linux`
 */
export function sampleFiles(system: string): Readonly<Record<string, string>> {
  return {
    'README.md': readme,
    'flake.nix': flake(system),
    'vms.nix': vms,
    'lib/image.nix': imageFunction,
    'lib/root.sh': rootScript,
    'lib/disk.sh': diskScript,
    'lib/tarball.sh': tarballScript,
    ...Object.fromEntries(sampleVms.map((vm) => [`images/${vm}.nix`, image(vm)])),
  };
}

/**
 * What declares the container, by path.
 * @param flake the text of `flake.nix`
 * @throws UserError when that was rewritten by hand
 */
export function containerFiles(flake: string): Readonly<Record<string, string>> {
  return { 'flake.nix': withContainer(flake), 'containers.nix': containers, 'images/cache.nix': image('cache') };
}

function withContainer(flake: string): string {
  if (flake.includes(fleetLine) && flake.includes(configurationLine)) return flake;
  const fleet = flake.replace(/^ +proxnix\.vms = .*;\n/m, (line) => line + fleetLine);
  const both = fleet.replace(/^(?: +build-qcow2-.*;\n)+/m, (lines) => lines + configurationLine);
  if (both.includes(fleetLine) && both.includes(configurationLine)) return both;
  throw new UserError('flake.nix is no longer as the demo wrote it.', {
    next: 'Add proxnix.containers and nixosConfigurations.lxc-cache by hand, or start the demo anew.',
  });
}

const fleetLine = '      proxnix.containers = import ./containers.nix;\n';
const configurationLine = '        lxc-cache.config = makeImage.container "cache" (import ./images/cache.nix);\n';

const readme = `# A small fleet

Four VMs and the images they run. Push to \`main\` and proxnix shows what would change.

- \`vms.nix\`: the VMs with their memory, disks and VMIDs
- \`images/\`: what each image contains; an edit of one changes that image alone
- \`lib/\`: how an image is made, here without nixpkgs, so that it takes a second
`;

function flake(system: string): string {
  const configurations = sampleVms.map((vm) => `        build-qcow2-${vm} = configuration "${vm}";`).join('\n');
  return `{
  description = "A small fleet: four VMs and the images they run";

  outputs =
    { self }:
    let
      makeImage = import ./lib/image.nix { system = "${system}"; };
      configuration = name: {
        config = makeImage.vm name (import (./images + "/\${name}.nix"));
      };
    in
    {
      proxnix.vms = import ./vms.nix;

      nixosConfigurations = {
${configurations}
      };
    };
}
`;
}

const imageFunction = `# An image is two derivations: the root file system, then the file with it; for a VM a disk, for a container a tarball.
# Beside them stand a few of the options that NixOS has, so that a plan can tell what is inside.
{ system }:
let
  run =
    script: attributes:
    derivation (
      {
        inherit system;
        builder = "/bin/sh";
        args = [ script ];
      }
      // attributes
    );
  # A package that is named and never built, so that an image takes a second.
  package = name: version: run ./root.sh { name = "\${name}-\${version}"; };
  packagesOf = image: builtins.attrValues (builtins.mapAttrs package image.packages);
  named = package: builtins.unsafeDiscardOutputDependency package.drvPath;
  make =
    script: ending: name: image:
    run script {
      name = "nixos-\${name}.\${ending}";
      root = run ./root.sh (
        image
        // {
          name = "nixos-root-\${name}";
          packages = map named (packagesOf image);
        }
      );
      inherit (image) hostName;
    };
  each = names: value: builtins.listToAttrs (map (name: { inherit name; value = value name; }) names);
  options = isContainer: image: {
    boot = {
      inherit isContainer;
      kernelPackages.kernel.version = "6.12.30";
    };
    environment.systemPackages = packagesOf image;
    fileSystems."/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
    };
    networking.firewall = {
      enable = true;
      allowedTCPPorts = image.ports;
    };
    services = { };
    systemd = {
      services = each image.services (_: { wantedBy = [ "multi-user.target" ]; });
      sockets = { };
      timers = { };
    };
    users.users = each image.users (name: {
      isNormalUser = true;
      extraGroups = if builtins.elem name image.admins then [ "wheel" ] else [ ];
      openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 \${name}@example" ];
    });
  };
in
{
  vm =
    name: image:
    options false image
    // {
      system.nixos.release = "25.05";
      system.build.qcow2 = make ./disk.sh "qcow2" name image;
    };
  container =
    name: image:
    options true image
    // {
      system.nixos.release = "25.05";
      system.build.tarball = make ./tarball.sh "tar.zst" name image;
    };
}
`;

const vms = `# The VMs of this fleet. Sizes: MiB of memory, GiB of disk.
{
  test-init = {
    name = "test-init";
    vm_id = 820;
    image_type = "build-qcow2-init";
    cores = 1;
    sockets = 1;
    memory_mb = 1024;
    disk_gb = 8;
    storage_location = "local-lvm";
    cloud_init = "None";
    protected = false;
  };

  test-cp = {
    name = "test-cp";
    vm_id = 821;
    image_type = "build-qcow2-cp";
    cores = 2;
    sockets = 1;
    memory_mb = 2048;
    disk_gb = 16;
    storage_location = "local-lvm";
    cloud_init = "None";
    protected = false;
  };

  test-worker = {
    name = "test-worker";
    vm_id = 822;
    image_type = "build-qcow2-worker";
    cores = 2;
    sockets = 1;
    memory_mb = 4096;
    disk_gb = 16;
    storage_location = "local-lvm";
    cloud_init = "None";
    protected = false;
  };

  test-website = {
    name = "test-website";
    vm_id = 823;
    image_type = "build-qcow2-website";
    cores = 1;
    sockets = 1;
    memory_mb = 2048;
    disk_gb = 8;
    storage_location = "local-lvm";
    cloud_init = "None";
    protected = false;
    network_bridge = "vmbr0";
    onboot = true;
    order = 10;
    description = "The website, behind the proxy";
  };
}
`;

const containers = `# The containers of this fleet. Sizes: MiB of memory, GiB of disk.
{
  test-cache = {
    name = "test-cache";
    vm_id = 824;
    image_type = "lxc-cache";
    cores = 1;
    memory_mb = 512;
    disk_gb = 4;
    storage_location = "local-lvm";
  };
}
`;

/** What runs on a guest: its services, the packages that they are, the ports that they open. */
const contents: Record<SampleGuest, readonly [services: string, packages: string, ports: string]> = {
  init: ['"openssh" "dnsmasq"', 'dnsmasq = "2.90"; openssh = "9.9p2"; openssl = "3.0.13";', '22 53'],
  cp: ['"openssh" "etcd" "kube-apiserver"', 'etcd = "3.5.21"; openssh = "9.9p2"; openssl = "3.0.13";', '22 2379 6443'],
  worker: [
    '"openssh" "containerd" "kubelet"',
    'containerd = "2.0.5"; openssh = "9.9p2"; openssl = "3.0.13";',
    '22 10250',
  ],
  website: ['"openssh" "nginx"', 'nginx = "1.26.2"; openssh = "9.9p2"; openssl = "3.0.13";', '22 80 443'],
  cache: ['"openssh" "redis"', 'openssh = "9.9p2"; openssl = "3.0.13"; redis = "7.2.7";', '22 6379'],
};

function image(guest: SampleGuest): string {
  const [services, packages, ports] = contents[guest];
  return `# What runs on test-${guest}.
{
  hostName = "test-${guest}";
  release = 1;
  services = [ ${services} ];
  packages = { ${packages} };
  # Open TCP ports, people with a key, and those of them who may become root.
  ports = [ ${ports} ];
  users = [ "ada" "ops" ];
  admins = [ "ada" ];
  # Shell lines that run when the root file system is made.
  postBuild = "";
}
`;
}
