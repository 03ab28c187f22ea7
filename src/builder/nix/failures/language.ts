import { type Kind, linesOf } from './kind.ts';

/** What the language itself says, and what pure evaluation refuses. */
export const languageErrors: readonly Kind[] = [
  ({ text }) => {
    const name = /^undefined variable '([^'\n]{1,200})'/.exec(text)?.[1];
    return name === undefined ? undefined : { text: `There is no variable ${name}.` };
  },
  ({ text }) => {
    const name = /^attribute '([^'\n]{1,200})' missing/.exec(text)?.[1];
    return name === undefined ? undefined : { text: `There is no attribute ${name}.` };
  },
  ({ text }) => {
    const words = /^syntax error, (unexpected [^\n]{1,300})/.exec(text)?.[1];
    return words === undefined ? undefined : { text: `Syntax error: ${words.replace(/\.$/, '')}.` };
  },
  ({ text }) => {
    const what = /^attempt to call something which is not a function but (an? [a-z]+)/.exec(text)?.[1];
    return what === undefined ? undefined : { text: `A${what.slice(1)} is called like a function.` };
  },
  ({ text }) => {
    const name = /called without required argument '([^'\n]{1,200})'/.exec(text)?.[1];
    return name === undefined ? undefined : { text: `A function is called without its argument ${name}.` };
  },
  missingFile,
  ({ text }) => {
    const built =
      /cannot build '([^'\n]{1,500})' during evaluation because the option 'allow-import-from-derivation' is disabled/.exec(
        text,
      )?.[1];
    if (built === undefined) return undefined;
    const name = built.replace(/^.*\/[a-z0-9]{32}-/, '').replace(/\.drv.*$/, '');
    return {
      text: `The flake builds something (${name}) while it is evaluated.`,
      lines: [],
      next: 'Code of a push would run before anyone approved. Remove the import from a derivation, or allow it with NIX_ALLOW_IFD=true.',
    };
  },
  forbiddenPath,
  ({ text }) => {
    const path =
      /^cannot look up '(<[^>\n]{1,300}>)'/.exec(text)?.[1] ??
      /^file '([^'\n]{1,300})' was not found in the Nix search path/.exec(text)?.[1];
    if (path === undefined) return undefined;
    const shown = path.startsWith('<') ? path : `<${path}>`;
    return {
      text: `The flake looks up ${shown}, which does not exist for a flake.`,
      lines: [],
      next: `Use the input: "\${nixpkgs}/nixos/modules/…", or modulesPath.`,
    };
  },
  ({ text }) => {
    const [, name, what] =
      /in pure evaluation mode, '(\w{1,50})' requires a '(\w{1,50})' argument/.exec(text) ??
      /in pure evaluation mode, '?(fetch\w{1,50})'? (?:will not fetch unlocked input|requires a (Git revision|locked input|revision))/.exec(
        text,
      ) ??
      [];
    if (name === undefined) return undefined;
    return {
      text: `${name} needs a ${what === 'sha256' ? what : 'rev'}.`,
      next: 'Pin what it fetches, or make it an input of the flake.',
    };
  },
  ({ text }) => {
    if (!/forbidden in (?:pure eval|restricted) mode|access to URI|not allowed in pure/.test(text)) return undefined;
    return { text: firstLine(text), next: 'Evaluation is pure: a flake may read only itself and its locked inputs.' };
  },
  ({ text }) => {
    if (!/no output named proxnix/.test(text)) return undefined;
    return { text: firstLine(text), next: 'Give the flake an output proxnix with the attribute vms.' };
  },
  ({ text }) => {
    // Nix 2.8 asks for the file's status; cleaned of its prefix, the path of the flake's own file is relative.
    const lacks =
      /(?:does not contain|no) .{0,200}flake\.nix|flake\.nix' does not exist|^getting status of 'flake\.nix'/;
    if (!lacks.test(text)) return undefined;
    return {
      text: 'There is no flake.nix in the repository.',
      next: 'Commit one, or name its folder in `FLAKE_DIR`.',
      place: undefined,
    };
  },
];

/** Nix 2.8 asks for the file's status, newer ones say that the path does not exist, or that git does not track it. */
function missingFile({ text, files }: Parameters<Kind>[0]): ReturnType<Kind> {
  const path =
    /^(?:getting status of|opening file) '([^'\n]{1,1000})': No such file or directory/.exec(text)?.[1] ??
    /^path '([^'\n]{1,1000})' does not exist/i.exec(text)?.[1] ??
    /^Path '([^'\n]{1,1000})' (?:in the repository .{0,500} is not tracked by Git|does not exist in Git repository)/.exec(
      text,
    )?.[1];
  // Cleaned of its prefix, a path of the flake is relative.
  if (path === undefined || path === 'flake.nix' || (path.startsWith('/') && files.length === 0)) return undefined;
  return {
    text: `The file ${path} is not in the repository.`,
    next: 'Is it committed, and is its name right? Files of a git submodule are not fetched.',
    word: path.split('/').at(-1) ?? path,
  };
}

/** Nix 2.26 names only the first folder of the path; the frame before it has the whole. */
function forbiddenPath({ text, frames }: Parameters<Kind>[0]): ReturnType<Kind> {
  const named = /access to (?:absolute )?path '([^'\n]{1,1000})' is forbidden/.exec(text)?.[1];
  if (named === undefined) return undefined;
  const inner = frames.slice(0, 8).map((frame) => frame.text);
  const whole = inner.map((words) => /^while realising the context of path '([^'\n]{1,1000})'/.exec(words)?.[1]);
  const path = whole.find((one) => one?.startsWith(`${named}/`)) ?? named;
  if (path.startsWith('/nix/store/')) {
    return {
      text: `The flake reads ${path}, outside of itself.`,
      lines: [],
      next: `A path in quotes ("\${modulesPath}/../lib/…") copies its folder alone. Write it without: (modulesPath + "/../lib/…").`,
    };
  }
  const imports = path.endsWith('.nix') || inner[0] === "while calling the 'import' builtin";
  return {
    text: `The flake ${imports ? 'imports' : 'reads'} ${path}, a file of the machine and not of the flake.`,
    lines: [],
    next: imports
      ? 'Copy the file into the repository. Evaluation is pure: a flake may read only itself and its locked inputs.'
      : 'Evaluation is pure: a flake may read only itself and its locked inputs.',
  };
}

function firstLine(text: string): string {
  return linesOf(text)[0] ?? text;
}
