import type { Failure } from '../core/errors.ts';
import type { Lock } from '../core/policy.ts';
import { sizeText } from '../lib/text.ts';
import type { Block, Card, Line } from './card.ts';
import { count, guestName } from './parts.ts';

/** A guest that stopped without proxnix, and what was done about it. */
export type PowerEvent =
  | { readonly kind: 'started' }
  /** The fleet wants it to be said only. */
  | { readonly kind: 'report' }
  | { readonly kind: 'locked'; readonly lock: Lock }
  /** It was started too often to be started again. */
  | { readonly kind: 'often'; readonly starts: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Says that a guest stopped: one card for each time. */
export function powerCard(guest: { readonly name: string; readonly vmid: number }, event: PowerEvent): Card {
  const name = guestName(guest);
  const started = event.kind === 'started';
  return {
    tone: started ? 'good' : 'bad',
    title: started ? `Started ${name}: it was stopped` : `Stopped: ${name} is not running`,
    blocks: whyBlocks(event),
    buttons: [],
    files: [],
  };
}

function whyBlocks(event: PowerEvent): readonly Block[] {
  switch (event.kind) {
    case 'started':
      return [
        { kind: 'small', rich: ['It was running before, so it was started. Set ON_STOPPED=report to be told only.'] },
      ];
    case 'report':
      return [{ kind: 'text', rich: ['It is left as it is: ON_STOPPED is "report".'] }];
    case 'locked': {
      const { by, reason } = event.lock;
      return [{ kind: 'text', rich: ['It is left as it is: applying is locked by ', { person: by }, `: ${reason}`] }];
    }
    case 'often':
      return [
        {
          kind: 'warning',
          rich: [
            { bold: `It was started ${count(event.starts, 'time')} within an hour and stopped again. ` },
            'It will not be started again automatically. Its log and its console say why it stops.',
          ],
        },
      ];
    case 'failed': {
      const { message, next } = event.failure;
      return [
        { kind: 'warning', rich: [{ bold: `It could not be started: ${message}` }] },
        { kind: 'text', rich: [next ?? 'Start it in Proxmox.'] },
      ];
    }
  }
}

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

/** A store that could not be read whole, and the file beside it that holds it as it was found. */
export interface StoreDamage {
  readonly file: string;
  readonly lost: readonly { readonly what: string; readonly why: string }[];
}

/** The rest is in the file. */
const mostShown = 20;

/** Says that parts of the store were damaged when the bot started: one card, once. */
export function storeCard({ file, lost }: StoreDamage): Card {
  const more = lost.length - mostShown;
  const lines = lost.slice(0, mostShown).flatMap(({ what, why }) => [{ text: what, keep: true }, { text: `  ${why}` }]);
  return {
    tone: 'bad',
    title: `Store damaged: ${count(lost.length, 'part')} left out`,
    blocks: [
      { kind: 'lines', lines: more > 0 ? [...lines, { text: `and ${more} more` }] : lines },
      {
        kind: 'warning',
        rich: [
          { bold: 'Plans that were open in these parts are lost; ask for them again with /proxnix plan. ' },
          'Where it is not known whether applying was locked, it is locked until somebody unlocks it.',
        ],
      },
      { kind: 'small', rich: ['The store as it was found is in ', { code: file }, '. Everything else goes on.'] },
    ],
    buttons: [],
    files: [],
  };
}
