import { parameterError } from '../errors.ts';
import type { Version } from '../version.ts';
import { parsePropertyString } from './property-string.ts';
import { type Rule, type Rules, ruleOf, rulesOfProperties } from './table.ts';
import { plainProblem, UNKNOWN } from './value.ts';

/** Throws the 400 that names every wrong parameter at once, as PVE::JSONSchema does. */
export function checkParameters(rules: Rules, given: ReadonlyMap<string, string>, version: Version): void {
  const errors: Record<string, string> = {};
  for (const [name, value] of given) {
    const rule = ruleOf(rules, name);
    const problem = rule === undefined ? UNKNOWN : valueProblem(name, value, rule, version);
    if (problem !== undefined) errors[name] = problem;
    if (rule?.needs !== undefined && !given.has(rule.needs)) errors[rule.needs] = version.missingRequirement(name);
  }
  for (const rule of rules.values()) {
    if (rule.required && !given.has(rule.name)) errors[rule.name] = 'property is missing and it is not optional';
  }
  if (Object.keys(errors).length > 0) throw parameterError(errors);
}

function valueProblem(name: string, value: string, rule: Rule, version: Version): string | undefined {
  const properties = rulesOfProperties(rule.properties ?? rule.format ?? '', version.table);
  if (properties === undefined) return plainProblem(value, rule);
  const problems = parsePropertyString(value, properties).problems;
  if (problems.length > 0) {
    return `invalid format - format error\n${problems.map(([key, text]) => `${name}.${key}: ${text}\n`).join('')}`;
  }
  const cpu = rule.format === 'pve-vm-cpu-conf' ? cpuProblem(value) : undefined;
  return cpu === undefined ? undefined : `invalid format - ${cpu}\n`;
}

/** The models of the emulator that guests of this field use; any other text is refused with the words of 9.2.11. */
const CPU_MODELS =
  /^(host|max|kvm32|kvm64|qemu32|qemu64|x86-64-v[234](-AES)?|custom-.+|EPYC.*|Opteron.*|[A-Z]\w*.*|486)$/;

function cpuProblem(value: string): string | undefined {
  const model = value.split(',')[0]?.replace(/^cputype=/, '') ?? '';
  if (CPU_MODELS.test(model)) return undefined;
  return `Built-in cputype '${model}' is not defined (missing 'custom-' prefix?)`;
}
