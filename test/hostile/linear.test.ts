import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BuildProgress } from '../../src/builder/nix/build.ts';
import { readEvaluationFailure, readWarnings } from '../../src/builder/nix/evaluation-failure.ts';
import { parseLine } from '../../src/builder/nix/process.ts';
import { withoutSource } from '../../src/builder/nix/store.ts';
import { readCommandLine } from '../../src/chat/command-line.ts';
import { literal } from '../../src/chat/console/page/text.js';
import { noteBody } from '../../src/chat/discord/answers.ts';
import { discordCard } from '../../src/chat/discord/card.ts';
import { escapeMarkdown } from '../../src/chat/discord/text.ts';
import { slackCard } from '../../src/chat/slack/card.ts';
import { escapedWithin, mrkdwn } from '../../src/chat/slack/text.ts';
import { adviceFor, ProxmoxError, ProxyAnswer, readable } from '../../src/cluster/proxmox/errors.ts';
import { isCloudInit } from '../../src/cluster/proxmox/property.ts';
import { readProgress } from '../../src/cluster/proxmox/tasks.ts';
import { tokenShapesOf } from '../../src/config/config.ts';
import { shortCommit } from '../../src/core/commit.ts';
import { parseDesired } from '../../src/core/desired.ts';
import { toFailure, UserError } from '../../src/core/errors.ts';
import { changedInputs } from '../../src/core/flake-lock.ts';
import { flakePatch } from '../../src/core/flake-patch.ts';
import { didYouMean } from '../../src/core/nearest.ts';
import { pullNumberOf } from '../../src/core/pull.ts';
import { readTags } from '../../src/core/tags.ts';
import { shortDescription } from '../../src/forge/comment.ts';
import { Ref, RepositoryPath } from '../../src/forge/payload.ts';
import { fetchError, readRemote, refsOf, withoutSecrets } from '../../src/git/run.ts';
import { cleanText, cut, escapeHidden, isDeeperThan, lastState, oneLine } from '../../src/lib/text.ts';
import { createLog } from '../../src/log.ts';
import { createGate, Secret } from '../../src/secret.ts';
import type { Card } from '../../src/views/card.ts';
import { previewComment } from '../../src/views/preview.ts';
import { runCard } from '../../src/views/run-card.ts';
import { aCommit, aContext, aPlan, aRun, follow, t0 } from '../support/builders.ts';
import { expectLinear } from './linear.ts';
import { shape, shapes, units } from './shapes.ts';

const secrets = [new Secret('canary-token-1234567890'), new Secret('another "canary" of some length')];
const gate = createGate(secrets, tokenShapesOf());
const remote = readRemote('https://example.org/x.git', 'canary-token-1234567890');
const run = { dir: '/mirror', remote, sshCommand: 'ssh', timeoutMs: 1000 };
const log = createLog({ gate, pretty: true, destination: { write: () => undefined } });
const commands = [{ name: 'plan', description: '', options: [{ name: 'ref', description: '', required: false }] }];

/** A card that says a text. */
function cardOf(text: string): Card {
  return {
    tone: 'bad',
    title: 'Failed',
    blocks: [
      { kind: 'text', rich: [text, { bold: text }] },
      { kind: 'lines', lines: [{ text, mark: '-', keep: true }] },
    ],
    buttons: [],
    files: [],
  };
}

function nixMessage(text: string): string {
  return `@nix ${JSON.stringify({ action: 'msg', level: 0, msg: text, raw_msg: text, trace: [{ file: text, raw_msg: text }] })}`;
}

function ignored(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Every function that reads or writes text from outside. */
const functions: Readonly<Record<string, (text: string) => unknown>> = {
  cut: (text) => cut(text, 1000),
  cleanText,
  oneLine,
  lastState,
  escapeHidden,
  isDeeperThan: (text) => isDeeperThan(text, 32),
  'a UserError': (text) => toFailure(new UserError(text, { next: text, details: text.split('\n') })),
  'a lock file': (text) =>
    changedInputs(text, JSON.stringify({ root: text, nodes: { [text]: { inputs: { [text]: text } } } })),
  'a file of a flake': (text) =>
    flakePatch(
      [{ path: text, text: `{ a = { vm_id = 1; ${text}` }],
      [{ key: 'a', vmid: 1, field: 'cores', value: text }],
    ),
  'the entry of a flake': (text) =>
    flakePatch(
      [{ path: 'a.nix', text: `{ a = { ${text} vm_id = 1; }; }` }],
      [{ key: 'a', vmid: 1, field: 'cores', value: 1 }],
    ),
  shortCommit: (text) => shortCommit(aCommit({ subject: text, author: text })),
  didYouMean: (text) => didYouMean(text, ['plan', 'approve', text, `${text}x`]),
  readTags: (text) => readTags([text]),
  'parseDesired, a key': (text) => ignored(() => parseDesired({ vms: { [text]: {} } })),
  'parseDesired, a value': (text) =>
    ignored(() => parseDesired({ vms: { a: { name: text, node: text, description: text, [text]: text } } })),
  withoutSource,
  'a line of Nix': parseLine,
  'a message of Nix': (text) => {
    const event = parseLine(nixMessage(text));
    return event === undefined ? undefined : readEvaluationFailure([event]);
  },
  'a message of Nix that was cut': (text) => parseLine(`@nix {"action":"msg","level":0,"msg":"${text}…`),
  'plain lines of Nix': (text) => readEvaluationFailure([{ kind: 'text', text }]),
  'warnings of Nix': (text) => readWarnings([{ kind: 'warning', text }]),
  'a frame in the flake': (text) =>
    readEvaluationFailure([
      { kind: 'message', level: 0, text, at: { text, file: `/${text}` }, trace: [{ text, file: text }] },
    ]),
  'what a build says': (text) => {
    const progress = new BuildProgress({ progress: () => undefined, line: () => undefined });
    progress.event({ kind: 'start', id: '1', type: 105, fields: [text] });
    progress.event({ kind: 'result', id: '1', type: 101, fields: [text] });
    progress.event({ kind: 'message', level: 0, text, at: { text }, trace: [] });
    return progress.failed();
  },
  withoutSecrets: (text) => withoutSecrets(text, remote),
  fetchError: (text) => fetchError(run, { exitCode: 1, stdout: '', stderr: [text, `fatal: ${text}`], timedOut: false }),
  refsOf,
  'the gate': gate,
  'the log': (text) => log.warn({ [text]: text, err: new Error(text) }, text),
  escapeMarkdown,
  discordCard: (text) => discordCard(cardOf(text)),
  noteBody: (text) => noteBody(text),
  slackCard: (text) => slackCard(cardOf(text)),
  mrkdwn: (text) => mrkdwn([text, { bold: text }]),
  escapedWithin: (text) => escapedWithin(text, 2900),
  'a text on the console': literal,
  readCommandLine: (text) => [
    readCommandLine(text, commands),
    readCommandLine(`plan ${text.slice(0, 3900)}`, commands),
  ],
  'an error of Proxmox': (text) =>
    new ProxmoxError({ method: 'GET', path: '/x' }, { status: 500, reason: text, text: '' }, { tokenId: 'a@b!c' }),
  'a page in front of Proxmox': (text) =>
    new ProxyAnswer({ method: 'GET', path: '/x' }, 'https://x', {
      ...{ status: 502, reason: text, text: `<title>${text}`, server: text, location: text },
    }),
  readable: (text) => [readable(text), readable(`command '${text}' failed`)],
  adviceFor: (text) => adviceFor({ text, tokenId: 'a@b!c' }),
  readProgress,
  isCloudInit: (text) => isCloudInit(new Map([['file', `:${text}`]])),
  'a ref of a push': (text) => [Ref.safeParse(text), RepositoryPath.safeParse(text)],
  pullNumberOf: (text) => [pullNumberOf(text), pullNumberOf(`pull/${text}`)],
  'the comment of a preview': (text) => [
    previewComment({ ...aRun('previewed'), warnings: [text] }, undefined),
    previewComment(aRun('failed', aPlan(), { failure: toFailure(new UserError(text)) }), undefined),
  ],
  'the description of a status': shortDescription,
  'the card of a failed run': (text) =>
    runCard(aRun('failed', aPlan(), { failure: toFailure(new UserError(text, { details: [text] })) }), aContext()),
  'the card of a run at work': (text) =>
    runCard(
      follow(
        aRun('applying'),
        { type: 'step-started', id: 'build', at: t0 },
        { type: 'output', id: 'build', line: text },
      ),
      aContext(),
    ),
};

describe.each(Object.entries(functions))('%s', (_, work) => {
  it('costs a multiple of the length of 256 KiB of each hostile shape', { timeout: 120_000 }, () => {
    for (const one of shapes) expectLinear(work, one);
  });

  it('costs a multiple of the length of mixtures as well', { timeout: 120_000 }, () => {
    const part = fc.array(fc.constantFrom(...units), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(part, part, part, (start, unit, end) => expectLinear(work, shape(unit, start, end))),
      { numRuns: 5 },
    );
  });
});

it('the measure itself notices the square of the length', () => {
  expect(() => expectLinear((text) => /\r+$/.test(text), shape('\r', '', 'x'))).toThrow(/units take/);
  expect(() => expectLinear((text) => text.replace(/(?:\/\S*)?\/nix/g, ''), shape('/a', '', ''))).toThrow(/units take/);
});
