import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { setUp } from '../../../src/cli/init.ts';
import { aFolder } from '../../cli/support/services.ts';

/** The parts of an app manifest (schema version 2) that are limited or that decide how the app talks. */
const Manifest = z.strictObject({
  _metadata: z.strictObject({ major_version: z.literal(2), minor_version: z.literal(1) }),
  display_information: z.strictObject({
    name: z.string().max(35),
    description: z.string().max(140),
    background_color: z.string().regex(/^#[0-9a-f]{6}$/),
  }),
  features: z.strictObject({
    bot_user: z.strictObject({ display_name: z.string().regex(/^[a-z0-9._-]{1,80}$/), always_online: z.literal(true) }),
    slash_commands: z.tuple([
      z.strictObject({
        command: z.literal('/proxnix'),
        description: z.string().max(2000),
        usage_hint: z.string().max(1000),
        // People and channels come as ids, never as names.
        should_escape: z.literal(true),
      }),
    ]),
  }),
  oauth_config: z.strictObject({ scopes: z.strictObject({ bot: z.array(z.string()) }) }),
  settings: z.strictObject({
    interactivity: z.strictObject({ is_enabled: z.literal(true) }),
    org_deploy_enabled: z.literal(false),
    socket_mode_enabled: z.literal(true),
    token_rotation_enabled: z.literal(false),
  }),
});

describe('slack-manifest.json', () => {
  it('asks for what the bot uses, and for nothing else', async () => {
    const dir = aFolder();
    await setUp({ out: dir, yes: true, chat: 'slack' });
    const manifest = Manifest.parse(JSON.parse(readFileSync(join(dir, 'slack-manifest.json'), 'utf8')));
    expect(manifest.oauth_config.scopes.bot).toEqual([
      'chat:write',
      'commands',
      'files:write',
      'usergroups:read',
      'users:read',
    ]);
  });

  it('covers every method that the adapter calls', () => {
    const scopes: Readonly<Record<string, string>> = {
      'auth.test': 'none',
      'chat.postMessage': 'chat:write',
      'chat.update': 'chat:write',
      'chat.delete': 'chat:write',
      'chat.postEphemeral': 'chat:write',
      'files.getUploadURLExternal': 'files:write',
      'files.completeUploadExternal': 'files:write',
      filesUploadV2: 'files:write',
      'usergroups.users.list': 'usergroups:read',
      'users.info': 'users:read',
      'views.open': 'none',
    };
    const folder = fileURLToPath(new URL('../../../src/chat/slack/', import.meta.url));
    const call = /\b(?:posts|edits|quick|answers)\.((?:[a-z]+\.){1,2}[a-z]\w+)\(|\b(filesUploadV2)\(/g;
    const called = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(call)].map(([, method, upload]) => method ?? upload ?? ''),
    );
    expect(called).toContain('filesUploadV2');
    expect(called.length).toBeGreaterThan(7);
    expect(called.filter((method) => scopes[method] === undefined)).toEqual([]);
  });

  it('is not written for who does not use Slack', async () => {
    const dir = aFolder();
    await setUp({ out: dir, yes: true });
    expect(() => readFileSync(join(dir, 'slack-manifest.json'))).toThrow('ENOENT');
  });
});
