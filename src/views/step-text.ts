import type { Step } from '../core/steps.ts';

/** Each kind of guest step as people say it. */
export const stepWords: Readonly<Record<Exclude<Step['kind'], 'build' | 'upload'>, string>> = {
  create: 'creating',
  import: 'disk import',
  resize: 'disk resize',
  start: 'starting',
  configure: 'settings',
  'move-disk': 'disk move',
  restart: 'restarting',
  prepare: 'disk import',
  attach: 'disk hand-over',
  swap: 'disk swap',
  rollback: 'disk swap back',
  health: 'health',
  finish: 'final tags',
  adopt: 'taking over',
  stop: 'stopping',
  destroy: 'destroying',
  discard: 'clearing up',
  free: 'freeing disks',
};

/** What became of the step that was under way when the bot died. */
export type CutOff =
  | { readonly kind: 'build' | 'no-task' | 'forgotten' | 'unreachable' }
  /** Its task went on and ended with Proxmox's own words. */
  | { readonly kind: 'ended'; readonly text: string };

/** The same in a sentence. That the last known task went well does not mean that the step did: it may be several. */
export function cutOffNote(step: Step, cutOff: CutOff): string {
  const what = 'vmid' in step ? `${step.name} (${step.vmid}), ${stepWords[step.kind]}` : step.kind;
  switch (cutOff.kind) {
    case 'build':
      return 'The build had not ended; a build changes nothing in the cluster.';
    case 'no-task':
      return `${what}: it had begun; no task of it is known.`;
    case 'forgotten':
      return `${what}: its task is not known to the cluster any more.`;
    case 'unreachable':
      return `${what}: what became of its task could not be found out.`;
    case 'ended':
      return `${what}: its task went on without the bot and ended with "${cutOff.text}".`;
  }
}
