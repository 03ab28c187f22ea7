import { sizeText } from '../../../lib/text.ts';
import { type Kind, linesOf } from './kind.ts';

/** Limits of the evaluation, and what the machine lacks. */
export const machineErrors: readonly Kind[] = [
  // Newer Nix says "stack overflow" when the collector gets no more memory: the collector's own lines decide.
  ({ text, plain, facts }) => {
    const starved = plain.some((line) => /^GC Warning: Out of memory/i.test(line)) && /^stack overflow/.test(text);
    if (!starved && !/^(?:out of memory|std::bad_alloc|memory exhausted)/i.test(text)) return undefined;
    const limit =
      facts.memoryBytes === undefined
        ? 'memory than there is'
        : `than ${sizeText(facts.memoryBytes).replace('.0 ', ' ')}`;
    return {
      text: `The evaluation needs more ${limit}.`,
      lines: [],
      place: undefined,
      next: 'Raise NIX_EVAL_MEMORY, or evaluate fewer images in one process with NIX_BATCH.',
      outOfMemory: true,
      mayPass: true,
    };
  },
  ({ text }) => {
    if (!/^stack overflow|trace without end/.test(text)) return undefined;
    return {
      text: 'A function calls itself without end (stack overflow).',
      lines: [],
      next: 'Look for a function without an end, or for an option that depends on itself.',
    };
  },
  ({ text }) => {
    const feature = /experimental Nix feature '([^'\n]{1,100})' is disabled/.exec(text)?.[1];
    return feature === undefined
      ? undefined
      : {
          text: `The flake needs the experimental feature ${feature} of Nix.`,
          next: `Allow it in NIX_SETTINGS: extra-experimental-features = nix-command flakes ${feature}.`,
        };
  },
  ({ text }) =>
    /^SQLite database .{0,500} is busy/.test(text)
      ? { text: 'The Nix store was busy with other work.', next: 'Press Plan again.', mayPass: true }
      : undefined,
  ({ text }) =>
    /No space left on device/i.test(text)
      ? { text: linesOf(text)[0] ?? text, next: 'Free space on the disk of the Nix store.', mayPass: true }
      : undefined,
];
