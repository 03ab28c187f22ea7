import { z } from 'zod';
import { cut } from '../lib/text.ts';
import { UserError } from './errors.ts';
import type { GuestKind, GuestSpec } from './guest.ts';
import { knownFields, readEntry } from './guest-schema.ts';
import { didYouMean } from './nearest.ts';
import { shapeProblems } from './output-shape.ts';

const Entries = z.record(z.string(), z.unknown());
/** Nobody corrects more at once, and each costs a search for the word that was meant. */
const mostProblems = 50;
const mostUnknownFields = 10;

/**
 * Reads the flake's output `proxnix`. The mistakes of all guests are reported in one error, the first 50 of them; each
 * names the guest and the field. An empty `vms` is valid: it wants every guest of the fleet gone.
 */
export function parseDesired(output: unknown): readonly GuestSpec[] {
  const misshapen = shapeProblems(output);
  if (misshapen.length > 0) throw invalid(misshapen);
  const top = z.looseObject({ vms: Entries.optional(), containers: Entries.optional() }).safeParse(output);
  const { vms, containers } = top.data ?? {};
  if (vms === undefined && containers === undefined) {
    throw new UserError('The flake output "proxnix" has no attribute set "vms".', {
      next: 'Declare the guests as proxnix.vms.<name> = { … }; or proxnix.containers.<name> = { … }; in the flake.',
    });
  }
  const guests: GuestSpec[] = [];
  const problems: string[] = [];
  const parse = (kind: GuestKind, entries: Readonly<Record<string, unknown>> = {}) => {
    for (const [key, value] of Object.entries(entries)) {
      if (problems.length > mostProblems) return;
      const read = readEntry(kind, key, value);
      if ('guest' in read) guests.push(read.guest);
      else problems.push(...problemsOf(kind, key, read.error));
    }
  };
  parse('vm', vms);
  parse('container', containers);
  problems.push(...duplicates(guests));
  if (problems.length > 0) throw invalid(problems);
  return guests.sort((a, b) => a.vmid - b.vmid);
}

function problemsOf(kind: GuestKind, key: string, error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => describe(kind, key, issue));
}

function invalid(problems: readonly string[]): UserError {
  const [first = ''] = problems;
  const many = problems.length > mostProblems ? `more than ${mostProblems}` : String(problems.length);
  return new UserError(
    problems.length === 1 ? `The flake is not valid: ${sentence(first)}` : `The flake has ${many} mistakes.`,
    {
      next: 'Nothing was touched. Correct the flake and push again.',
      details: problems.length === 1 ? [] : problems.slice(0, mostProblems),
    },
  );
}

function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}

function describe(kind: GuestKind, key: string, issue: z.core.$ZodIssue): string[] {
  const field = issue.path.map((part) => cut(String(part), 100)).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(kind, issue.path);
    return issue.keys.slice(0, mostUnknownFields).map((name) => {
      const short = cut(name, 100);
      const where = field === '' ? short : `${field}.${short}`;
      return `${key}: unknown field "${where}"${didYouMean(name, known)}`;
    });
  }
  if (field === '') return [`${key}: must be an attribute set`];
  if (issue.input === undefined && issue.code === 'invalid_type') return [`${key}: "${field}" is missing`];
  return [`${key}: "${field}" ${expected(issue)}`];
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${shown(issue.input)}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
  return issue.message;
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? typeof input;
  return cut(text, 60);
}

function duplicates(guests: readonly GuestSpec[]): string[] {
  const problems: string[] = [];
  const seen = (value: (guest: GuestSpec) => string, say: (guest: GuestSpec, first: GuestSpec) => string) => {
    const first = new Map<string, GuestSpec>();
    for (const guest of guests) {
      const other = first.get(value(guest));
      if (other) problems.push(say(guest, other));
      else first.set(value(guest), guest);
    }
  };
  seen(
    (guest) => String(guest.vmid),
    (guest, first) => `${guest.key}: "vm_id" ${guest.vmid} is also the vm_id of ${first.key}`,
  );
  seen(
    (guest) => guest.name.toLowerCase(),
    (guest, first) => `${guest.key}: "name" ${guest.name} is also the name of ${first.key}`,
  );
  return problems;
}
