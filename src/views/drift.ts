import type { Acceptance } from '../core/acceptance.ts';
import type { FlakePatch } from '../core/flake-patch.ts';
import type { RolledBackGuest } from '../core/goal.ts';
import { nixName, nixText } from '../core/nix-text.ts';
import { isOffBranch } from '../core/policy.ts';
import type { GuestDeed } from '../core/review.ts';
import type { BlockedRun, PlannedRun, Run } from '../core/run.ts';
import type { Block, Button, Card, Rich } from './card.ts';
import { type CardContext, guestName } from './parts.ts';

/** What the card of a drift says of it: who did what, and which guests are no part of it. */
export function driftBlocks(run: PlannedRun | BlockedRun, context: CardContext): readonly Block[] {
  const canBe = run.phase === 'planned' && !isOffBranch(run, run.plan.goal, context.policy);
  const isWhole = run.plan.changes.every(({ blocked }) => blocked === undefined);
  const again = canBe ? ` Re-apply restores ${isWhole ? 'it' : 'what is not blocked'}.` : '';
  const { rolledBack = [] } = run.plan.goal;
  return [
    { kind: 'text', rich: [`The cluster no longer matches this commit.${again}`] },
    ...deedBlocks(run.review?.deeds),
    ...rolledBack.map((guest): Block => ({ kind: 'text', rich: rolledBackRich(guest) })),
  ];
}

/** A drift that was found before there was a list of deeds says nothing of them. */
function deedBlocks(deeds: readonly GuestDeed[] | undefined): readonly Block[] {
  if (deeds === undefined) return [];
  if (deeds.length > 0) return deeds.map((deed): Block => ({ kind: 'small', rich: deedRich(deed) }));
  return [{ kind: 'small', rich: ['Who changed it is not known: the task list of Proxmox does not tell.'] }];
}

/** `test-cp (821) was resized by root@pam on …` */
function deedRich({ name, vmid, did, who, at }: GuestDeed): Rich {
  return [`${guestName({ name, vmid })} was ${did} by ${who} on `, { time: at, show: 'date-time' }];
}

function rolledBackRich({ name, vmid, by, runId }: RolledBackGuest): Rich {
  return [
    `${guestName({ name, vmid })} is no part of it: ${by} rolled it back in run `,
    { code: runId },
    '. ',
    { code: '/proxnix plan' },
    ' plans its image again.',
  ];
}

/** The button of a drift that the flake can be made to say. Of a guest that is gone or has another image it cannot. */
export function acceptButtons({ id, plan }: PlannedRun | BlockedRun): readonly Button[] {
  const canBe = plan.changes.some(({ action }) => action === 'update');
  return canBe ? [{ runId: id, action: 'accept', label: 'Accept', style: 'plain' }] : [];
}

/** The answer to Accept: what the flake would have to say for the drift to be as wanted, as a patch where it fits. */
export function acceptCard(run: Pick<Run, 'id'>, { others }: Acceptance, { text, left }: FlakePatch): Card {
  const byHand = [
    ...left.map(({ key, field, value }) => `${key}: ${nixName(field)} = ${nixText(value)};`),
    ...others.map(({ name, fields }) => `${name}: ${fields.join(', ')}`),
  ];
  const isPatch = text !== '';
  return {
    tone: 'quiet',
    title: `Accept the drift of run ${run.id}`,
    blocks: [
      ...(isPatch
        ? [
            {
              kind: 'text',
              rich: [
                'Save the file, then ',
                { code: 'git apply accept.patch' },
                `, commit and push. The flake then says what the cluster has${byHand.length === 0 ? '' : ', but for what follows'}.`,
              ],
            } as const,
          ]
        : []),
      ...(byHand.length === 0
        ? []
        : [
            {
              kind: 'text',
              rich: [
                isPatch
                  ? 'By hand, because no entry in the files says it:'
                  : 'No entry in the files of the flake can be edited for sure. Write by hand:',
              ],
            } as const,
            { kind: 'lines', lines: byHand.map((line) => ({ text: line })) } as const,
          ]),
    ],
    buttons: [],
    files: isPatch ? [{ name: 'accept.patch', title: 'Patch for the flake', text }] : [],
  };
}
