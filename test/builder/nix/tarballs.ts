import { readSample, type SampleRepository } from '../../../src/demo/repository.ts';

/** A root file system of nothing but `etc/os-release` and a folder `sbin`, as `tar` and `xz` write it. */
export const tarball = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AJtdABcLvBx9AZXAHUo+eRXDKKLIzhfZ13qPdpOpT1pgDIc8UW9JiNpLv8keTwz8yX7pRsoMWmNh' +
    'vhv4jvLOyp6AVe8swX4BnE1a2/qonTVD8kiBV/1r4qrXRbEzAqbWW83Ucbnsn0oWvxTT3VjbGZ838BTCUJL4G/hPW/UgEyc8Y2ngLt7eOeMHATl1' +
    'PI786xDmIbcvxrsTM/BusYj+AAC16TEK7gpF2wABtwGAUAAAK0YfeLHEZ/sCAAAAAARZWg==',
  'base64',
);

/** Changes of the sample repository that give each of its configurations a tarball beside the disk. */
export async function withTarballs(repository: SampleRepository): Promise<Record<string, string>> {
  const images = await readSample(repository, 'lib/image.nix');
  const disk = /system\.build\.qcow2 = .*;\n/;
  const line = 'system.build.tarball = import ./tarball.nix system name image;';
  return {
    'lib/image.nix': images.replace(disk, (found) => `${found}      ${line}\n`),
    'lib/tarball.nix': derivation,
    'lib/tarball.sh': script,
  };
}

/** The configuration of the worker has no tarball any more. */
export async function withoutTarball(repository: SampleRepository): Promise<Record<string, string>> {
  const images = await readSample(repository, 'lib/image.nix');
  const unlessWorker = 'system.build.$' + '{if name == "worker" then null else "tarball"} = import';
  return { 'lib/image.nix': images.replace('system.build.tarball = import', () => unlessWorker) };
}

/** The builder of the tarball with the layout of nixpkgs' make-system-tarball. It needs `mkdir`. */
export function likeNixpkgs(script: string): string {
  const file = '$out/tarball/nixos-system-x86_64-linux.tar.xz';
  return `/bin/mkdir -p "$out/tarball" "$out/nix-support"
${script.replace('"$out"', `"${file}"`)}printf '%s\\n' "file system-tarball ${file}" > "$out/nix-support/hydra-build-products"
`;
}

const derivation = `system: name: image:
derivation {
  inherit system;
  name = "nixos-\${name}.tar.xz";
  builder = "/bin/sh";
  args = [ ./tarball.sh ];
  inherit (image) hostName release postBuild;
}
`;

const octal = Array.from(tarball, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

/** A sandbox may have no more than the shell, so neither folders nor compression: the tarball is the output itself. */
const script = `printf '%s\\n' "packing the root file system of $hostName"
eval "$postBuild"
printf '${octal}' > "$out"
`;
