import type { Failure } from '../core/errors.ts';
import type { Lock } from '../core/policy.ts';
import { sizeText } from '../lib/text.ts';
import type { Block, Card, Line } from './card.ts';
import { adviceText, count, guestName } from './parts.ts';

/** What proxnix did about a guest that somebody or something else stopped. */
export type PowerEvent =
  | { readonly kind: 'started' }
  /** ON_STOPPED is `report`: the guest is not started. */
  | { readonly kind: 'report' }
  | { readonly kind: 'locked'; readonly lock: Lock }
  /** An apply of it was not finished: it carries `proxnix-pending`. */
  | { readonly kind: 'pending' }
  /** proxnix started it `starts` times within the last hour and does not start it again. */
  | { readonly kind: 'often'; readonly starts: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Reports one stop of a guest. */
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
      return [{ kind: 'text', rich: ['It was not started: ON_STOPPED is "report".'] }];
    case 'locked': {
      const { by, reason } = event.lock;
      return [{ kind: 'text', rich: ['It was not started: applying is locked by ', { person: by }, `: ${reason}`] }];
    }
    case 'pending':
      return [
        {
          kind: 'text',
          rich: [
            'It was not started: the last apply to it did not finish (proxnix-pending). Plan again to finish it, or start it in Proxmox.',
          ],
        },
      ];
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
        { kind: 'text', rich: adviceText(next ?? 'Start it in Proxmox.') },
      ];
    }
  }
}

/** What garbage collection deleted after ROLLBACK_WINDOW. */
export interface Collected {
  readonly disks: readonly {
    readonly name: string;
    readonly vmid: number;
    readonly disks: readonly { readonly volid: string; readonly imageHash?: string; readonly sizeMb?: number }[];
  }[];
  /** `size` in bytes. */
  readonly images: readonly { readonly volid: string; readonly hash: string; readonly size: number }[];
  /** The number of GC roots of Nix that were removed. */
  readonly roots: number;
}

/** Lists what garbage collection deleted. */
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
          ...(roots === 0
            ? []
            : [` ${count(roots, 'GC root')} of Nix ${roots === 1 ? 'was' : 'were'} removed as well.`]),
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

/** A store with damaged parts. `file` is the copy of the damaged store beside it. */
export interface StoreDamage {
  readonly file: string;
  readonly lost: readonly { readonly what: string; readonly why: string }[];
}

/** More lost parts than this are counted; the file holds them all. */
const mostShown = 20;

/** Reports at the start of the bot that parts of the store were damaged. */
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
          { bold: 'Open plans in these parts are lost; make new ones with /proxnix plan. ' },
          'Where the lost part may have held a lock, applying is locked until somebody unlocks it.',
        ],
      },
      { kind: 'small', rich: ['The damaged store is saved as ', { code: file }, '. The bot continues with the rest.'] },
    ],
    buttons: [],
    files: [],
  };
}
