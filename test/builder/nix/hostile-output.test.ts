import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { evaluate } from '../../../src/builder/nix/evaluate.ts';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { parseLine } from '../../../src/builder/nix/process.ts';
import { nixSettings } from '../../../src/builder/nix/settings.ts';
import { toFailure, UserError } from '../../../src/core/errors.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { aFlake, nix, nixOptions } from './here.ts';

/** What an evaluation comes to when Nix is this script. */
async function evaluated(script: string) {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-hostile-'));
  onTestFinished(() => removeTree(dir));
  await writeFile(join(dir, 'nix'), `#!/bin/sh\n${script}\n`);
  await chmod(join(dir, 'nix'), 0o755);
  return evaluate(nixSettings({ dir, nixBinDir: dir, evalSandbox: false }), undefined, {
    expression: '1',
    what: 'the VM list',
  });
}

function message(msg: string, more: object = {}): string {
  return `@nix ${JSON.stringify({ action: 'msg', column: 5, file: '/nix/store/x-source/flake.nix', level: 0, line: 3, msg, ...more })}`;
}

/** As the reader of lines hands it over. */
function cutLine(line: string, bytes = 1024 * 1024): string {
  return `${line.slice(0, bytes)}…`;
}

describe('a message of Nix that is too long for a line', () => {
  const long = 'x'.repeat(4_000_000);

  it('is an error with its beginning', () => {
    const event = parseLine(cutLine(message(`error:\n  … while calling 'throw'\n\n  error: the real reason ${long}`)));
    expect(event).toMatchObject({ kind: 'message', level: 0, at: { file: '/nix/store/x-source/flake.nix', line: 3 } });
    expect(event?.kind === 'message' ? event.text : '').toMatch(/^the real reason x+…$/);
  });

  it('says so where the trace alone was too long', () => {
    const frames = '\n  … from call site\n  at «string»:1:1:'.repeat(100_000);
    const event = parseLine(cutLine(message(`error:${frames}\n  error: stack overflow`)));
    expect(event?.kind === 'message' ? event.text.split('\n')[0] : '').toBe(
      'an error with a trace without end, as of an endless recursion',
    );
  });

  it('is read wherever it was cut, inside an escape too', () => {
    const line = message(`error: ${'\\"\u001b[31m\n\t é'.repeat(50)}`, { raw_msg: 'y', trace: [] });
    for (let bytes = line.indexOf('"msg":"') + 7; bytes < line.length; bytes++) {
      expect(parseLine(cutLine(line, bytes)), String(bytes)).toMatchObject({ kind: 'message', level: 0 });
    }
  });

  it('is nothing where it is no message', () => {
    expect(parseLine(cutLine('@nix {"action":"result","fields":["xxx'))).toBeUndefined();
  });

  it('is never success, nor silence', async () => {
    const outcome = await evaluated(
      `printf '@nix {"action":"msg","level":0,"msg":"error: the real reason ' >&2; head -c 4000000 /dev/zero | tr '\\0' x >&2; printf '","raw_msg":"x"}\\n' >&2; exit 1`,
    );
    expect(outcome).toMatchObject({ ok: false, error: { text: expect.stringMatching(/^the real reason x+…$/) } });
  });
});

describe('what Nix says before it fails', () => {
  it('is held in bytes as well as in lines: the newest of it', async () => {
    const outcome = await evaluated(
      `echo 'error: long ago' >&2; for n in 1 2 3 4 5; do head -c 600000 /dev/zero | tr '\\0' x >&2; echo >&2; done; exit 1`,
    );
    expect(outcome).toMatchObject({ ok: false, error: { text: expect.stringMatching(/^x+…$/) } });
  });
});

describe('an evaluation that answers more than it may', () => {
  it('is an error with a sentence', async () => {
    await expect(evaluated("printf '['; head -c 9000000 /dev/zero | tr '\\0' 1; printf ']'")).rejects.toThrow(
      'The evaluation of the VM list gave more than 8 MiB.',
    );
  });

  it('is an error with a sentence where it nests too deeply', async () => {
    await expect(evaluated("head -c 100000 /dev/zero | tr '\\0' '['")).rejects.toThrow(
      'The evaluation of the VM list gave values nested deeper than 32.',
    );
  });
});

describe.skipIf(nix === undefined)('a push that makes Nix talk without end', () => {
  async function failing(outputs: string) {
    const builder = new NixBuilder(await nixOptions());
    const error: unknown = await builder.evaluateFleet(await aFlake(outputs)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    return toFailure(error);
  }

  /** A text of Nix, repeated `2^times`. */
  const repeated = (text: string, times: number) =>
    `(builtins.foldl' (text: _: text + text) "${text}" (builtins.genList (n: n) ${times}))`;

  it('is evaluated each time where its VM list is too long to be kept', async () => {
    const evaluations: object[] = [];
    const log = { debug: (facts: object) => void evaluations.push(facts) };
    const builder = new NixBuilder(await nixOptions({ log }));
    const short = await aFlake('{ proxnix.vms = { }; }');
    const long = await aFlake(`{ proxnix.vms.web = ${repeated('x', 20)}; }`);
    for (const source of [short, short, long, long]) await builder.evaluateFleet(source);
    expect(evaluations.filter((facts) => 'what' in facts)).toHaveLength(3);
  }, 60_000);

  it('fails in a few KiB and at once: 2 MiB of slashes', async () => {
    const failure = await failing(`{ proxnix = throw ${repeated('/a', 20)}; }`);
    expect(failure.message).toMatch(/does not evaluate: (?:\/a)+/);
    expect(JSON.stringify(failure).length).toBeLessThan(12_000);
  }, 60_000);

  it('fails in a few KiB: an error of 4 MiB', async () => {
    const failure = await failing(`{ proxnix = throw ("the real reason " + ${repeated('x', 22)}); }`);
    expect(failure.message).toContain('the real reason xxx');
    expect(JSON.stringify(failure).length).toBeLessThan(12_000);
  }, 60_000);

  it('tells the error behind thirty traces of 8 MiB, and holds none of them', async () => {
    const text = repeated('t', 23);
    const before = process.memoryUsage().rss;
    const failure = await failing(
      `{ proxnix = builtins.foldl' (done: n: builtins.trace (toString n + ${text}) done) (x: throw "the real reason") (builtins.genList (n: n) 30) 1; }`,
    );
    expect(failure.message).toContain('the real reason');
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024);
  }, 120_000);
});
