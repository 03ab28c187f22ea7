import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isFromSlack } from '../../../src/chat/slack/signature.ts';

/** The example of Slack's page "Verifying requests from Slack". */
const example = {
  secret: '8f742231b10e8888abcd99yyyzzz85a5',
  body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
  timestamp: '1531420618',
  signature: 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
  now: 1_531_420_618_000,
} as const;

describe('isFromSlack', () => {
  it("takes the example of Slack's documentation", () => {
    expect(isFromSlack(example)).toBe(true);
  });

  it('takes a clock that is five minutes off, either way, and no more', () => {
    for (const [seconds, isTaken] of [
      [300, true],
      [301, false],
      [-300, true],
      [-301, false],
    ] as const) {
      expect(isFromSlack({ ...example, now: example.now + seconds * 1000 })).toBe(isTaken);
    }
  });

  it('refuses an empty secret, and headers that are missing or odd', () => {
    const odd = [
      { signature: undefined },
      { timestamp: undefined },
      { timestamp: '1531420618.0' },
      { timestamp: ' 1531420618' },
      { timestamp: '' },
      { signature: example.signature.slice(3) },
      { body: `${example.body} ` },
    ];
    const signature = `v0=${createHmac('sha256', '').update(`v0:${example.timestamp}:${example.body}`).digest('hex')}`;
    expect(isFromSlack({ ...example, secret: '', signature })).toBe(false);
    for (const change of odd) expect(isFromSlack({ ...example, ...change })).toBe(false);
  });
});
