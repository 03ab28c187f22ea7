import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../fixtures/', import.meta.url);

/** The lines of a recorded stream. */
export function recordedLines(name: string): readonly string[] {
  return readFileSync(new URL(name, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** Recorded failing evaluations: version, class, and the lines of stderr. */
export function recordedErrors(): readonly { version: string; kind: string; lines: readonly string[] }[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('eval-errors.'))
    .flatMap((name) => {
      const version = name.replace('eval-errors.nix-', '').replace('.txt', '');
      const parts = readFileSync(new URL(name, folder), 'utf8').split(/^# /m).slice(1);
      return parts.map((part) => {
        const [head = '', ...lines] = part.split('\n');
        return { version, kind: head.split(', exit')[0] ?? '', lines: lines.filter((line) => line !== '') };
      });
    });
}
