import type { Answer } from '../../../src/chat/chat.ts';
import type { Bench } from '../../support/pipeline.ts';

/** The reason code of each answer, or its kind where it has none. */
export function codesOf(answers: readonly Answer[]): readonly (string | undefined)[] {
  return answers.map((answer) => (answer.kind === 'note' ? answer.code : answer.kind));
}

/** How often an apply began. */
export function begun(bench: Bench): number {
  return bench.audit().filter((line) => line.startsWith('started')).length;
}
