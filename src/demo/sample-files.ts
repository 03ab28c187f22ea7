import { diskScript, rootScript } from './sample-scripts.ts';

/** The VMs of the sample fleet by the short name that the edits take. */
export const sampleVms = ['init', 'cp', 'worker', 'website'] as const;

export type SampleVm = (typeof sampleVms)[number];

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
    ...Object.fromEntries(sampleVms.map((vm) => [`images/${vm}.nix`, image(vm)])),
  };
}

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
        config.system.build.qcow2 = makeImage name (import (./images + "/\${name}.nix"));
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

const imageFunction = `# An image is two derivations: the root file system, then the disk with it.
{ system }:
name: image:
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
  root = run ./root.sh (image // { name = "nixos-root-\${name}"; });
in
run ./disk.sh {
  name = "nixos-\${name}.qcow2";
  inherit root;
  inherit (image) hostName;
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

const services: Record<SampleVm, readonly string[]> = {
  init: ['openssh', 'dnsmasq'],
  cp: ['openssh', 'etcd', 'kube-apiserver'],
  worker: ['openssh', 'containerd', 'kubelet'],
  website: ['openssh', 'nginx'],
};

function image(vm: SampleVm): string {
  return `# What runs on test-${vm}.
{
  hostName = "test-${vm}";
  release = 1;
  services = [ ${services[vm].map((name) => `"${name}"`).join(' ')} ];
  # Shell lines that run when the root file system is made.
  postBuild = "";
}
`;
}
