import { sizeText } from '../lib/sizes.ts';
import type { Card, Line } from './card.ts';
import { count, guestName } from './format.ts';

/** What was deleted because its time was up. */
export interface Collected {
  readonly disks: readonly {
    readonly name: string;
    readonly vmid: number;
    readonly disks: readonly { readonly volid: string; readonly imageHash?: string; readonly sizeMb?: number }[];
  }[];
  /** `size` in bytes. */
  readonly images: readonly { readonly volid: string; readonly hash: string; readonly size: number }[];
  /** How many GC roots of Nix. */
  readonly roots: number;
}

/** Says what the rollback window has passed over. */
export function collectedCard({ disks, images, roots }: Collected): Card {
  const all = disks.flatMap((guest) => guest.disks);
  const parts = [
    ...(all.length === 0 ? [] : [count(all.length, 'old root disk')]),
    ...(images.length === 0 ? [] : [count(images.length, 'image file')]),
  ];
  const lines: Line[] = [
    ...disks.flatMap((guest) =>
      guest.disks.flatMap((disk) => [
        { text: `${guestName(guest)}  image ${disk.imageHash?.slice(0, 8) ?? 'unknown'}${sizeOf(disk)}` },
        { text: `  ${disk.volid}` },
      ]),
    ),
    ...images.flatMap(({ volid, hash, size }) => [
      { text: `image file ${hash.slice(0, 8)}, ${sizeText(size)}` },
      { text: `  ${volid}` },
    ]),
  ];
  return {
    tone: 'quiet',
    title: `Deleted: ${parts.join(', ')}`,
    blocks: [
      { kind: 'lines', lines },
      {
        kind: 'small',
        rich: [
          'Their rollback window (ROLLBACK_WINDOW) is over.',
          ...(roots === 0 ? [] : [` ${count(roots, 'GC root')} of Nix went as well.`]),
        ],
      },
    ],
    buttons: [],
    files: [],
  };
}

function sizeOf({ sizeMb }: { readonly sizeMb?: number }): string {
  return sizeMb === undefined ? '' : `, ${sizeText(sizeMb * 2 ** 20)}`;
}
