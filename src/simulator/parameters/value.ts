import { formatProblem } from './formats.ts';
import type { Rule } from './table.ts';

export const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';

/** What is wrong with one value that is not a property string, or undefined. Texts of PVE::JSONSchema. */
export function plainProblem(value: string, rule: Rule): string | undefined {
  return typeProblem(value, rule) ?? formatProblemOf(value, rule) ?? limitProblem(value, rule);
}

function typeProblem(value: string, rule: Rule): string | undefined {
  const isRight =
    rule.type === 'boolean'
      ? /^[01]$/.test(value)
      : rule.type === 'integer'
        ? /^[+-]?\d+$/.test(value)
        : rule.type === 'number'
          ? /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(value)
          : true;
  return isRight ? undefined : `type check ('${rule.type}') failed - got '${value}'`;
}

function formatProblemOf(value: string, rule: Rule): string | undefined {
  const problem = rule.format === undefined ? undefined : formatProblem(rule.format, value);
  return problem === undefined ? undefined : `invalid format - ${problem}\n`;
}

function limitProblem(value: string, rule: Rule): string | undefined {
  const amount = Number(value);
  if (rule.values !== undefined && !rule.values.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${rule.values.join(', ')}'`;
  }
  if (rule.pattern !== undefined && !rule.pattern.test(value)) return 'value does not match the regex pattern';
  if (rule.maxLength !== undefined && value.length > rule.maxLength) {
    return `value may only be ${rule.maxLength} characters long`;
  }
  if (rule.type === 'string') return undefined;
  if (rule.minimum !== undefined && amount < rule.minimum) return `value must have a minimum value of ${rule.minimum}`;
  if (rule.maximum !== undefined && amount > rule.maximum) return `value must have a maximum value of ${rule.maximum}`;
  return undefined;
}
