import { describe, expect, it } from 'vitest';
import { Interaction, personOf } from '../../src/chat/discord/payloads.ts';
import { CommandPayload, FormPayload, PressPayload } from '../../src/chat/slack/payloads.ts';

const long = 'größe '.repeat(1_000_000);

/** A command of Discord by somebody with this name, with this value of its option. */
function interaction(name: string, value: string) {
  return {
    ...{ type: 2, id: '1', application_id: '2', token: 't', guild_id: '3', channel_id: '4' },
    member: { user: { id: '5', username: name, global_name: name }, nick: name, roles: [] },
    data: { name: 'proxnix', options: [{ type: 1, name: 'plan', options: [{ type: 3, name: 'ref', value }] }] },
  };
}

describe('what people type and are called', () => {
  it('is cut or refused where Discord hands it over', () => {
    const person = personOf(Interaction.parse(interaction(long, 'main')));
    expect(Buffer.byteLength(person?.name ?? long)).toBeLessThanOrEqual(150);
    expect(Interaction.safeParse(interaction('ada', long)).success).toBe(false);
    expect(Interaction.safeParse(interaction('ada', 'x'.repeat(6000))).success).toBe(true);
  });

  it('is cut or refused where Slack hands it over', () => {
    const ids = { user_id: 'U1', team_id: 'T1', channel_id: 'C1', trigger_id: 't' };
    expect(CommandPayload.parse({ ...ids, user_name: long }).user_name.length).toBeLessThanOrEqual(150);
    const user = { id: 'U1', name: long, username: long };
    const press = { user, team: { id: 'T1' }, container: {}, trigger_id: 't', actions: [{ action_id: 'px1:x' }] };
    expect(JSON.stringify(PressPayload.parse(press)).length).toBeLessThan(1000);
    const form = (value: string) =>
      FormPayload.safeParse({
        ...{ user: { id: 'U1' }, team: { id: 'T1' } },
        view: { private_metadata: '', state: { values: { names: { names: { value } } } } },
      }).success;
    expect([form(long), form('x'.repeat(3000))]).toEqual([false, true]);
  });
});
