import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isFromSlack } from '../../../src/chat/slack/http.ts';
import { planCard } from '../../support/slack/cards.ts';
import { aWorld, type World } from '../../support/slack/harness.ts';
import { signed } from '../../support/slack/member.ts';
import { eventually } from '../../support/slack/slack-server.ts';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';

interface HttpWorld extends World {
  readonly http: { readonly url: string; readonly secret: string };
}

/** The adapter in HTTP mode, its route on a server of its own. */
async function overHttp(): Promise<HttpWorld> {
  const world = await aWorld({ mode: 'http', signingSecret: secret });
  const server = createAdaptorServer({ fetch: (request) => world.chat.routes()?.fetch(request) ?? new Response(null) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  await world.chat.show('homelab', planCard, {});
  return { ...world, http: { url: `http://127.0.0.1:${port}/slack/events`, secret } };
}

const form = new URLSearchParams({
  command: '/proxnix',
  text: 'status',
  user_id: 'U0ALICE001',
  team_id: 'T0HOMELAB1',
  channel_id: 'C0DEPLOY01',
  trigger_id: '1.1.a',
  response_url: 'http://127.0.0.1:9/',
}).toString();

describe('HTTP mode', () => {
  it('takes commands, presses and forms that Slack signed', async () => {
    const { member, http, heard, card, slack } = await overHttp();
    const alice = member('U0ALICE001', { http });
    expect((await (await alice.type('status')).ack)?.payload).toEqual({ status: 200 });
    await alice.press(card(), 'px1:approve');
    heard.answer = { kind: 'invalid', field: 'names', text: 'Type test-website.' };
    const view = { id: 'V1', callback_id: 'px1:form', title: { text: '' }, submit: { text: '' }, blocks: [] };
    const private_metadata = 'px1:confirm:r-41:p-7f3c2a C0DEPLOY01 ';
    const { ack } = await alice.submit({ ...view, private_metadata }, { names: 'a' });
    expect((await ack)?.payload).toEqual({
      status: 200,
      response_action: 'errors',
      errors: { names: 'Type test-website.' },
    });
    await eventually(() => heard.typed.length + heard.presses.length + heard.submissions.length === 3);
    expect(slack.sockets.greeted).toBe(0);
  });

  it('refuses what is unsigned, wrongly signed, old, or from the future', async () => {
    const { http, heard, member } = await overHttp();
    const minutes = (count: number): number => Date.now() + count * 60_000;
    const good = signed(form, secret);
    const attempts: readonly Record<string, string>[] = [
      { 'content-type': 'application/x-www-form-urlencoded' },
      signed(form, 'another secret'),
      signed(`${form}&text=approve`, secret),
      signed(form, secret, minutes(-6)),
      signed(form, secret, minutes(6)),
      { ...good, 'x-slack-signature': '' },
      { ...good, 'x-slack-signature': good['x-slack-signature']?.replace('v0=', 'v1=') ?? '' },
      { ...good, 'x-slack-signature': good['x-slack-signature']?.slice(0, -1) ?? '' },
      { ...good, 'x-slack-request-timestamp': 'NaN' },
      { ...good, 'x-slack-request-timestamp': '0x6a0' },
    ];
    for (const headers of attempts) {
      expect((await fetch(http.url, { method: 'POST', body: form, headers })).status).toBe(401);
    }
    await member('U0ALICE001', { http }).type('status');
    await eventually(() => heard.typed.length === 1);
  });

  it('logs no more of a stranger than a line', async () => {
    const { http, logged } = await overHttp();
    const headers = { 'x-slack-request-timestamp': '9'.repeat(8000) };
    expect((await fetch(http.url, { method: 'POST', body: form, headers })).status).toBe(401);
    const line = logged.find((one) => one.includes('without a valid Slack signature')) ?? '';
    expect(line).toContain('999');
    expect(line.length).toBeLessThan(500);
  });

  it('hands over a request once, though it is replayed with its signature', async () => {
    const { http, heard, member } = await overHttp();
    for (const _ of [1, 2, 3]) {
      expect((await fetch(http.url, { method: 'POST', body: form, headers: signed(form, secret) })).status).toBe(200);
    }
    await member('U0ALICE001', { http }).type('status now');
    await eventually(() => heard.typed.some(({ args }) => args['what'] === 'now'));
    expect(heard.typed).toHaveLength(2);
  });

  it('hands over nothing of an unsigned ssl_check', async () => {
    const { http, heard } = await overHttp();
    const body = `ssl_check=1&${form}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await fetch(http.url, { method: 'POST', body, headers })).status).toBe(200);
    expect(heard.typed).toEqual([]);
  });

  it('answers the challenge of Slack, when it is signed', async () => {
    const { http } = await overHttp();
    const body = JSON.stringify({ type: 'url_verification', challenge: 'abc' });
    const headers = { ...signed(body, secret), 'content-type': 'application/json' };
    const response = await fetch(http.url, { method: 'POST', body, headers });
    expect(await response.json()).toEqual({ challenge: 'abc' });
  });

  it('refuses bodies that are malformed or too large', async () => {
    const { http } = await overHttp();
    const json = { 'content-type': 'application/json' };
    for (const [body, status] of [
      ['{', 400],
      ['[]', 400],
      ['x'.repeat(1024 * 1024 + 1), 413],
    ] as const) {
      const headers = { ...signed(body, secret), ...json };
      expect((await fetch(http.url, { method: 'POST', body, headers })).status).toBe(status);
    }
  });

  it('takes nothing before it is started and after it is stopped', async () => {
    const { chat, http, heard } = await overHttp();
    await chat.stop();
    expect((await fetch(http.url, { method: 'POST', body: form, headers: signed(form, secret) })).status).toBe(503);
    expect(heard.typed).toEqual([]);
  });

  it('needs the signing secret', async () => {
    await expect(aWorld({ mode: 'http', start: false })).rejects.toThrow('needs the signing secret');
  });
});

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
