import { type Kind, linesOf } from './kind.ts';

/** What nixpkgs refuses (`pkgs/stdenv/generic/check-meta.nix`, `pkgs/top-level/aliases.nix`, `lib/minver.nix`). */
export const packageErrors: readonly Kind[] = [
  ({ text }) => {
    const name = refused(text, /has an unfree license/);
    if (name === undefined) return undefined;
    const plain = nameOf(name);
    return {
      text: `The package ${plain} has an unfree license.`,
      // Nix's own advice is for commands of a person: no environment variable and no file of theirs counts here.
      lines: firstLine(text),
      next: `Allow it in the configuration of the image: nixpkgs.config.allowUnfreePredicate = pkg: builtins.elem (lib.getName pkg) [ "${plain}" ];, or all with nixpkgs.config.allowUnfree = true;.`,
    };
  },
  ({ text }) => {
    const name = refused(text, /is marked as insecure|insecure:|has known (?:security )?vulnerabilities/);
    if (name === undefined) return undefined;
    const [, issues = ''] = /(?:Known issues|insecure):\s*(.*?)(?:\n\s*\n(?! - )|$)/s.exec(text) ?? [];
    return {
      text: `The package ${name} is marked as insecure.`,
      lines: [...firstLine(text), ...linesOf(issues).slice(0, 6)],
      next: `Update nixpkgs or take another package. To use it nevertheless: nixpkgs.config.permittedInsecurePackages = [ "${name}" ];.`,
    };
  },
  ({ text }) => {
    const name = refused(text, /marked as broken|broken: /);
    if (name === undefined) return undefined;
    const handlers = text.includes('problems.handlers');
    return {
      text: `The package ${nameOf(name)} is marked as broken.`,
      lines: handlers ? linesOf(text).slice(0, 2) : firstLine(text),
      next: handlers
        ? `Update nixpkgs or leave it out. To use it nevertheless: nixpkgs.config.problems.handlers.${nameOf(name)}.broken = "warn";.`
        : 'Update nixpkgs or leave it out. To use it nevertheless: nixpkgs.config.allowBroken = true;.',
    };
  },
  ({ text }) => {
    const name = refused(text, /is not (?:available|supported) on/);
    if (name === undefined) return undefined;
    return { text: `The package ${nameOf(name)} is not made for the system of this image.`, lines: firstLine(text) };
  },
  ({ text }) => {
    const name = refused(text, /because it has problems:/);
    const problem = /^- (.{1,300})$/m.exec(text)?.[1];
    if (name === undefined || problem === undefined) return undefined;
    return { text: `nixpkgs refuses the package ${nameOf(name)}: ${problem}`, lines: linesOf(text).slice(0, 4) };
  },
  ({ text }) => {
    const [line = ''] = linesOf(text);
    const [, name, why = ''] =
      /^['‘"`]?([A-Za-z0-9_.+-]{1,100})['’"`]? (?:has been|was) removed(?: from [^;:,.]{1,100})?(?:[;:,.] ?(.*))?$/.exec(
        line,
      ) ?? [];
    if (name === undefined) return undefined;
    const reason = why.replaceAll('`', '');
    return {
      text: `${name} was removed from nixpkgs${reason === '' ? '.' : `: ${reason.charAt(0).toUpperCase()}${reason.slice(1)}`}`,
      lines: linesOf(text).slice(1),
    };
  },
  ({ text }) => {
    if (!/requires (?:an implementation of )?Nix\b/.test(text)) return undefined;
    const wanted =
      /requires Nix >= (\d[\d.]{0,20}\d)/.exec(text)?.[1] ??
      /nixVersion[`'] reports at least (\d[\d.]{0,20}\d)/.exec(text)?.[1];
    const here = /evaluating with Nix (\d[\d.]{0,20}\d)/.exec(text)?.[1];
    return {
      text: `nixpkgs needs ${wanted === undefined ? 'a newer Nix' : `Nix ${wanted} or newer`}${here === undefined ? '.' : `; the bot's machine has ${here}.`}`,
      lines: linesOf(text).filter((line) => line.startsWith('- `')),
      place: undefined,
      next: 'Install a newer Nix on the machine of the bot; nixpkgs decides which.',
    };
  },
];

/** The package that nixpkgs refuses to evaluate for a reason, with its version. */
function refused(text: string, reason: RegExp): string | undefined {
  const [line = ''] = linesOf(text);
  const name =
    /^Refusing to evaluate package ['‘]([^'’\n]{1,200})['’]/.exec(line)?.[1] ??
    /^Package ['‘]([^'’\n]{1,200})['’]/.exec(line)?.[1];
  return name !== undefined && reason.test(text) ? name : undefined;
}

/** The name of a package without its version, which begins at the first digit behind a dash (`lib.getName`). */
function nameOf(name: string): string {
  return name.replace(/-\d.*$/, '');
}

function firstLine(text: string): readonly string[] {
  return linesOf(text).slice(0, 1);
}
