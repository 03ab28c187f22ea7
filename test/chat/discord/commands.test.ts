import { expect, it } from 'vitest';
import type { CommandSpec } from '../../../src/chat/chat.ts';
import { commandsBody, commandsHash } from '../../../src/chat/discord/commands.ts';
import { commandProblems } from '../../support/discord/validate.ts';

const reject: CommandSpec = {
  name: 'reject',
  description: 'Reject a plan',
  options: [
    { name: 'reason', description: 'Why', required: false, rest: true },
    { name: 'run', description: 'Which run', required: true, complete: 'open-run' },
  ],
};

it('makes one command with a subcommand each, required options first', () => {
  expect(commandsBody([reject])).toEqual([
    {
      name: 'proxnix',
      description: 'GitOps for Proxmox VE with Nix',
      type: 1,
      options: [
        {
          type: 1,
          name: 'reject',
          description: 'Reject a plan',
          options: [
            { type: 3, name: 'run', description: 'Which run', required: true, autocomplete: true },
            { type: 3, name: 'reason', description: 'Why', required: false },
          ],
        },
      ],
    },
  ]);
});

it('makes a body that Discord takes of long descriptions', () => {
  const body = commandsBody([{ ...reject, description: 'x'.repeat(500) }]);
  expect(commandProblems(body)).toEqual([]);
});

it('refuses more commands than Discord takes', () => {
  const many = Array.from({ length: 26 }, (_, index) => ({ ...reject, name: `c${index}` }));
  expect(() => commandsBody(many)).toThrow('26 commands, Discord takes 25');
});

it('hashes to something else when a word changed, and only then', () => {
  const hash = (spec: CommandSpec) => commandsHash(commandsBody([spec]));
  expect(hash(reject)).toBe(hash({ ...reject }));
  expect(hash(reject)).not.toBe(hash({ ...reject, description: 'Reject the plan' }));
});
