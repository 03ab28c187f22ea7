import type { Source } from '../../../git/git.ts';
import { inputContext } from '../expression.ts';
import { inputName, lockedInputs } from '../sources.ts';
import { flakeFile, type Kind, type Said } from './kind.ts';

const lockAgain = 'Run nix flake lock, commit flake.lock and push.';

/** What Nix says of `flake.lock` and of inputs that cannot be fetched (`libflake`, `libfetchers`). */
export const inputErrors: readonly Kind[] = [
  unlocked,
  ({ text, facts }) => {
    const what =
      /^unsupported (\w{1,30}) input attribute '([^'\n]{1,100})'/.exec(text) ??
      /^input attribute '(\w{1,30})()' not supported/.exec(text);
    if (what === null) return undefined;
    return {
      text: `flake.lock was written by a newer Nix than the bot's (${what[2] || what[1]}${what[2] === '' ? '' : ` of a ${what[1]} input`}).`,
      place: flakeFile(facts, 'flake.lock'),
      next: 'Install a newer Nix on the machine of the bot.',
    };
  },
  ({ text, facts }) => {
    if (!/^lock file .{0,1000} has unsupported version/.test(text)) return undefined;
    return {
      text: "flake.lock was written by a newer Nix than the bot's.",
      place: flakeFile(facts, 'flake.lock'),
      next: 'Install a newer Nix on the machine of the bot.',
    };
  },
  brokenLock,
  ({ text, facts }) => {
    if (!/(?:unlocked|mutable) (?:flake reference|input|lock)/.test(text)) return undefined;
    return { text: text.split('\n', 1)[0] ?? text, place: flakeFile(facts, 'flake.lock'), next: lockAgain };
  },
  (said) => {
    const reference = /^NAR hash mismatch in input '([^'\n]{1,1000})'/.exec(said.text)?.[1];
    if (reference === undefined && !/^mismatch in field '\w{1,30}' of input/.test(said.text)) return undefined;
    const name = nameOf(said, reference);
    return {
      text: `${name === undefined ? 'An input' : `The input ${name}`} is not what flake.lock says.`,
      // Nix's own words tell hashes, and its versions disagree which of the two is the wanted one.
      ofInput: true,
      lines: [],
      place: flakeFile(said.facts, 'flake.lock'),
      next: `A hash in flake.lock does not fit. Run nix flake update ${name ?? 'with its name'}, look at what changed in it, commit and push; the right hash is never shown here.`,
    };
  },
  unreachable,
];

function unlocked({ text, facts }: Said): ReturnType<Kind> {
  const name = /cannot update (?:unlocked )?flake input '([^'\n]{1,200})' in pure mode/.exec(text)?.[1];
  if (name === undefined) return undefined;
  const { source } = facts;
  const place = flakeFile(facts, 'flake.nix');
  if (source !== undefined && source.lock === undefined)
    return { text: 'There is no flake.lock.', place, next: lockAgain };
  const locked = source?.lock === undefined ? undefined : lockedInputs(source.lock);
  const top = name.split('/').at(-1) ?? name;
  return {
    text:
      locked === undefined
        ? `flake.lock does not fit flake.nix: the input ${name} is not in it, or is another version.`
        : locked.some((input) => input.name === top)
          ? `flake.lock has another version of the input ${name} than flake.nix asks for.`
          : `The input ${name} is not in flake.lock.`,
    place,
    word: top,
    next: lockAgain,
  };
}

function brokenLock({ text, frames, facts }: Said): ReturnType<Kind> {
  if (!/json\.exception|parse error at line|parsing JSON|lock file .{0,300} is not valid/i.test(text)) return undefined;
  const isLock = /flake\.lock|lock file/.test(text) || !frames.some((frame) => /JSON string|fromJSON/.test(frame.text));
  if (!isLock) return undefined;
  const line = /at line (\d{1,9})/.exec(text)?.[1];
  return {
    text: 'flake.lock is no JSON (a merge conflict?).',
    place: [flakeFile(facts, 'flake.lock'), ...(line === undefined ? [] : [line])].join(':'),
    next: lockAgain,
  };
}

/** Failures of git, of curl and of Nix's own fetchers. */
const unreachableText =
  /^(?:Cannot find Git revision|Failed to fetch git repository|program 'git' failed|Git repository .{1,1000} does not exist|Failed to open archive|unable to download|getting the HEAD of the Git tree|cannot find Git|Git fetch|failed to fetch|(?:Couldn't|Could not) (?:resolve|connect)|HTTP error|Repository not found|while fetching)/i;

/** git's own words (plain lines) and curl's; what people call them. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/could(?: not|n't) resolve host/i, 'could not resolve host name'],
  [/failed to connect|could(?: not|n't) connect|connection refused/i, 'could not connect to server'],
  [/timed? ?out/i, 'the server did not answer in time'],
  [
    /authentication failed|could not read (?:username|password)|HTTP error 401|returned error: 401|terminal prompts disabled/i,
    'the server wants other credentials',
  ],
  [/permission denied \(/i, 'the server refused the key of ssh'],
  [/host key verification failed/i, 'the host key of the server is not known'],
  [/HTTP error 403|returned error: 403/i, 'the server refused (403)'],
  [
    /HTTP error 404|returned error: 404|repository .{0,300}not found/i,
    'the server does not have it (404), or hides it without a token',
  ],
  [/certificate|SSL|TLS/i, 'the certificate of the server is not trusted'],
];

function unreachable(said: Said): ReturnType<Kind> {
  const { text, frames, plain, facts } = said;
  const fetched = frames
    .map((frame) => /^while fetching the input '([^'\n]{1,1000})'/.exec(frame.text)?.[1])
    .find((url) => url !== undefined);
  const ours = frames.some((frame) => frame.text.startsWith(inputContext));
  if (
    !unreachableText.test(text) ||
    (fetched === undefined &&
      !ours &&
      !/^(?:Cannot find Git|program 'git'|unable to download|Failed to (?:open|fetch))/i.test(text))
  )
    return undefined;
  const words = plain.filter(
    (line) =>
      /^(?:fatal|error|ssh|remote|curl)\b|Permission denied|Host key verification/i.test(line) &&
      !/^error: *$/.test(line),
  );
  const told = [...words, text].join('\n');
  if (fetched === 'this repository' || text.includes("'this repository'")) {
    const commit = facts.source?.rev.slice(0, 7) ?? '';
    return {
      text: `Commit ${commit} is not in the bot's mirror of the repository.`,
      place: undefined,
      next: 'Was it a force push? Press Plan again, or push again.',
    };
  }
  const address = fetched === undefined ? undefined : addressOf(fetched);
  const name = nameOf(said, fetched);
  const input = name === undefined ? 'An input' : `The input ${name}`;
  const lines = [...words, ...text.split('\n').slice(0, 3)];
  const gone =
    /(?:not our ref|Cannot find Git revision '|couldn't find remote ref |no such (?:ref|commit))\s*([0-9a-f]{40})?/.exec(
      told,
    );
  const reason = reasons.find(([pattern]) => pattern.test(told))?.[1];
  const missing =
    /'([^'\n]{1,1000})' does not appear to be a git repository|Git repository ["']([^"'\n]{1,1000})["'] does not exist/.exec(
      told,
    );
  if (missing !== null) {
    return {
      text: `${input} cannot be fetched: the repository ${missing[1] ?? missing[2]} does not exist.`,
      ofInput: true,
      lines,
      place: flakeFile(facts, 'flake.nix'),
      word: name ?? 'inputs',
      next: 'Correct its address in flake.nix, run nix flake lock, commit and push.',
    };
  }
  if (gone !== null && reason === undefined) {
    const commit = gone[1] ?? /rev=([0-9a-f]{40})/.exec(fetched ?? '')?.[1];
    return {
      text: `Commit ${commit?.slice(0, 7) ?? 'in flake.lock'} of the ${name === undefined ? 'input' : `input ${name}`} is no longer in its repository.`,
      ofInput: true,
      lines,
      place: flakeFile(facts, 'flake.lock'),
      next: `Was it a force push? Run nix flake update ${name ?? 'with its name'}, commit flake.lock and push.`,
    };
  }
  const where = address === undefined ? '' : address.includes('://') ? ` from ${address}` : '';
  const forge = address === undefined || address.includes('://') ? '' : ` (${address})`;
  return {
    text: `${input}${forge} cannot be fetched${where}: ${reason ?? gitWords(words) ?? (text.split('\n', 1)[0] ?? text).replace(/\.$/, '')}.`,
    ofInput: true,
    lines,
    place: flakeFile(facts, 'flake.nix'),
    word: name ?? 'inputs',
    next:
      reason !== undefined && /host name|connect|in time/.test(reason)
        ? 'This is the network of the bot or the server, not the flake. When the server answers again, press Plan again. An evaluation itself has no network: a host that is no input goes into NIX_EVAL_HOSTS.'
        : 'Check that the bot reaches the server, and its tokens in NIX_SETTINGS.',
  };
}

/** git's reason without its address. */
function gitWords(words: readonly string[]): string | undefined {
  const line =
    words.find((one) => /^(?:fatal|remote|ssh|Permission)/.test(one) && !/could not read from remote/i.test(one)) ??
    words[0];
  return line
    ?.replace(/^fatal: /, '')
    .replace(/^unable to access '[^'\n]{1,1000}': /, '')
    .replace(/\.$/, '');
}

/** What a person knows an input by: an address without the commit, or `github:owner/name`. */
function addressOf(reference: string): string {
  const forge = /^((?:github|gitlab|sourcehut):[^/?]+\/[^/?]+)/.exec(reference)?.[1];
  return forge ?? reference.replace(/\?.*$/, '').replace(/^(?:git|tarball|file)\+/, '');
}

/** The name that `flake.nix` gives an input: as the fetch names it, the lock file has it, or the trace shows it. */
function nameOf(said: Said, reference: string | undefined): string | undefined {
  const after = (pattern: RegExp) =>
    said.frames.map((frame) => pattern.exec(frame.text)?.[1]).find((name) => name !== undefined);
  return (
    after(new RegExp(`^${inputContext}([^\\n]{1,200})$`)) ??
    lockedName(said.facts.source, reference) ??
    after(/^while evaluating the attribute '([^'.\n]{1,100})\.result'/) ??
    said.frames
      .filter((frame) => /(?:^|\/)flake\.nix(?::|$)/.test(frame.file ?? ''))
      .map((frame) => /^while evaluating the attribute '([^'.\n]{1,100})'/.exec(frame.text)?.[1])
      .find((name) => name !== undefined) ??
    (reference === undefined ? undefined : inputName(reference))
  );
}

function lockedName(source: Source | undefined, reference: string | undefined): string | undefined {
  if (source?.lock === undefined || reference === undefined) return undefined;
  return lockedInputs(source.lock)?.find(({ rev }) => rev !== undefined && reference.includes(rev))?.name;
}
