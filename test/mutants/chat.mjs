// Discord and Slack: who somebody is and where, and what text from outside can do in a message.
export const chat = [
  {
    room: 'discord',
    file: 'src/chat/discord/card.ts',
    tests: ['test/chat/discord/card.test.ts', 'test/chat/discord/discord.test.ts'],
    rows: [
      [
        'a card mentions nobody',
        'flags: MessageFlags.IsComponentsV2 | flags, allowed_mentions: { parse: [] },',
        'flags: MessageFlags.IsComponentsV2 | flags,',
      ],
    ],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/answers.ts',
    tests: ['test/chat/discord/interactions.test.ts', 'test/chat/discord/discord.test.ts'],
    rows: [
      ['a note mentions nobody', '    allowed_mentions: { parse: [] },\n', ''],
      ['a refusal is for the eyes of one', 'flags: MessageFlags.Ephemeral,', 'flags: 0,'],
    ],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/text.ts',
    tests: ['test/chat/discord/text.test.ts'],
    rows: [
      ['markup is literal', ".replace(/[\\\\*_~|`<[\\]]/g, '\\\\$&')", ''],
      ['a heading in text is literal', ".replace(/^( *)(\\d*)([#>+\\-.)])/gm, '$1$2\\\\$3')", ''],
      ['an address in text is no link', ".replace(/:(?=[\\w+\\\\-]+:|\\/\\/)/g, '\\\\:')", ''],
      [
        'a link leads to the web only',
        "if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;",
        '',
      ],
    ],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/layout.ts',
    tests: ['test/chat/discord/card.test.ts', 'test/chat/discord/card.test.ts'],
    rows: [['text does not end a code block', ".replace(/`(?=`)/g, '`\\u200b')", '']],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/payloads.ts',
    tests: ['test/chat/discord/interactions.test.ts', 'test/chat/discord/discord.test.ts'],
    rows: [
      ['a bot is nobody', ' || user.bot === true || user.system === true', ''],
      ['the role of everybody vouches for nothing', '.filter((role) => role !== interaction.guild_id)', ''],
      [
        'a direct message is not the guild',
        "interaction.guild_id ?? 'direct-message'",
        "interaction.guild_id ?? '200000000000000001'",
      ],
      ['a private thread is not its channel', 'publicThreads.includes(channel.type)', 'true'],
    ],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/interactions.ts',
    tests: ['test/chat/discord/interactions.test.ts', 'test/chat/discord/discord.test.ts'],
    rows: [['a forged button does nothing', 'button === undefined\n', 'false\n']],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/form.ts',
    tests: ['test/chat/discord/interactions.test.ts', 'test/chat/discord/discord.test.ts'],
    rows: [
      ["nobody opens another's form", 'return found?.personId === personId ? found : undefined;', 'return found;'],
    ],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/discord.ts',
    tests: ['test/chat/discord/discord.test.ts'],
    rows: [['an interaction is handled once', 'if (this.#seen.has(id)) return;', '']],
  },
  {
    room: 'discord',
    file: 'src/chat/discord/connection.ts',
    tests: ['test/chat/discord/discord.test.ts'],
    rows: [['a channel is one of the guild', 'if (channel.guild_id !== guildId) {', 'if (false) {']],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/text.ts',
    tests: ['test/chat/slack/text.test.ts'],
    rows: [
      ['text rings nobody', ".replaceAll('<', '&lt;')", ''],
      ['text does not end a code fence', '.replace(/`{3,}/g, "\'\'")', ''],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/text.ts',
    tests: ['test/chat/slack/card.test.ts', 'test/chat/slack/card.property.test.ts', 'test/chat/slack/text.test.ts'],
    rows: [
      ['a link leads to the web only', "if (protocol !== 'http:' && protocol !== 'https:') return undefined;", ''],
      ['markup is drawn as words', 'if (/[*_~`\\n]|:[^\\s:]+:/.test(text)) return undefined;', ''],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/people.ts',
    tests: ['test/chat/slack/people.test.ts'],
    rows: [
      [
        'a sender of another workspace is refused',
        'if (!isOurs(sender.team, sender.enterprise, installed))',
        'if (false)',
      ],
      ['an account of another workspace is refused', 'profile.is_stranger || !isMember ?', 'profile.is_stranger ?'],
      ['a guest is refused', 'if (profile.is_restricted || profile.is_ultra_restricted)', 'if (false)'],
      ['a bot is refused', "if (profile.is_bot) return 'is a bot';", ''],
      ['who is deactivated is refused', "if (profile.deleted) return 'is deactivated';", ''],
      ['Slack vouches for groups', '(await this.#members.forceFetch(group)).includes(user)', 'true'],
      ['a group that cannot be read is none', 'memberships[index] === true', 'memberships[index] !== false'],
      ['who cannot be looked up is refused', "if ('lost' in profile) {", 'if (false) {'],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/form.ts',
    tests: ['test/chat/slack/form.test.ts'],
    rows: [
      [
        'a form remembers ids only',
        '/^(px1:[\\w:.-]{1,200}) ([A-Z][A-Z0-9]{1,30}) (\\d+\\.\\d+)?$/',
        '/^(\\S+) (\\S+) (.*)$/',
      ],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/interactions.ts',
    tests: [
      'test/chat/slack/people.test.ts',
      'test/chat/slack/answers.test.ts',
      'test/chat/slack/sockets.test.ts',
      'test/chat/slack/slack.test.ts',
    ],
    rows: [
      ['a forged button does nothing', 'if (button === undefined || channel === undefined) {', 'if (false) {'],
      ['a delivery is handled once', 'return !isKnown;', 'return true;'],
      [
        'only full members are answered',
        "if (identified.kind === 'refused') return { kind: 'note', text: identified.text, code: 'not-an-approver' };",
        "if (identified.kind === 'refused') return act({ chat: 'slack', id: sender.id, name: sender.name, groups: [] });",
      ],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/http.ts',
    tests: ['test/chat/slack/http.test.ts'],
    rows: [
      [
        'an old request, or one of the future, is refused',
        'if (Math.abs(now / 1000 - seconds) > 300) return false;',
        '',
      ],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/http.ts',
    tests: ['test/chat/slack/http.test.ts'],
    rows: [
      [
        'a request is signed',
        'if (!isFromSlack({ secret, body: raw, timestamp, signature, now: now() })) {',
        'if (false) {',
      ],
      ['a request is at most 1 MiB', 'bodyLimit({ maxSize: 1024 * 1024 })', 'bodyLimit({ maxSize: 1024 ** 3 })'],
      ['a header is cut before it is logged', '?.slice(0, 100)', ''],
    ],
  },
  {
    room: 'slack',
    file: 'src/chat/slack/slack.ts',
    tests: ['test/chat/slack/sockets.test.ts'],
    rows: [['the token is one of the workspace', 'if (bot.team_id !== workspace) {', 'if (false) {']],
  },
];
