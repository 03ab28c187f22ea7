import type { GuestKind, ImageRequest } from '../../core/guest.ts';

/** How the file of an image is found where nobody tells its path. */
interface ImageLook {
  /** Its line among Hydra's build products. */
  readonly product: RegExp;
  readonly name: RegExp;
  /** The names for people. */
  readonly names: string;
  /** A folder of the output that it may lie in, beside the output itself. */
  readonly folder?: string;
}

export const imageLooks: Readonly<Record<GuestKind, ImageLook>> = {
  // newer make-disk-image writes `file qcow2-image <path>`
  vm: { product: /^file \S+ (\/\S+)$/, name: /\.qcow2$/, names: '*.qcow2' },
  // nixpkgs, nixos/lib/make-system-tarball.sh
  container: {
    product: /^file system-tarball (\/\S+)$/,
    name: /\.tar\.(?:xz|zst|gz|bz2)$/,
    names: '*.tar.xz, *.tar.zst, *.tar.gz or *.tar.bz2',
    folder: 'tarball',
  },
};

/** What to do when the wrong file was found, or none. */
export function chooseFile({ kind }: ImageRequest): { readonly next: string } {
  const what = kind === 'vm' ? 'image' : 'container';
  return { next: `Set the ${what} file of this fleet to its path below the store path.` };
}
