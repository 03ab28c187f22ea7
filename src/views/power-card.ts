import type { Failure } from '../core/errors.ts';
import type { Lock } from '../core/policy.ts';
import type { Block, Card } from './card.ts';
import { count, guestName } from './format.ts';

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
      return [{ kind: 'text', rich: ['It is left as it is: applies are locked by ', { person: by }, `: ${reason}`] }];
    }
    case 'often':
      return [
        {
          kind: 'warning',
          rich: [
            { bold: `It was started ${count(event.starts, 'time')} within an hour and stopped again. ` },
            'It is not started any more until somebody does. Its log and its console say why it stops.',
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
