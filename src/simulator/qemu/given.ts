import { type Call, text } from '../call.ts';
import { randomMac } from '../clock.ts';
import type { Config } from '../guest.ts';
import { parsePropertyString, printPropertyString } from '../parameters/property-string.ts';
import { ruleOf, rulesOfCall, rulesOfProperties } from '../parameters/table.ts';
import type { World } from '../world.ts';
import { isDriveKey } from './options.ts';

/** The drives among the parameters. */
export function drivesOf(call: Call, keys: readonly string[]): Map<string, string> {
  return new Map(keys.filter(isDriveKey).map((key) => [key, text(call, key)]));
}

/** The other options as they are stored: numbers where the API answers numbers, cards with a MAC address. */
export function optionsOf(call: Call, keys: readonly string[]): Config {
  const rules = rulesOfCall('@vm', call.world.version.table);
  const config: Config = {};
  for (const key of keys) {
    const type = (rules && ruleOf(rules, key))?.type;
    const value = text(call, key);
    config[key] = type === 'integer' || type === 'boolean' ? Number(value) : storedText(call.world, key, value);
  }
  return config;
}

function storedText(world: World, key: string, value: string): string {
  if (/^net\d+$/.test(key)) return storedCard(world, value);
  return value;
}

/** A network card as it is stored; one without a MAC address gets a new one. */
function storedCard(world: World, value: string): string {
  const rules = rulesOfProperties('net', world.version.table) ?? new Map();
  const values = new Map(parsePropertyString(value, rules).values);
  const mac = values.get('macaddr') ?? randomMac(world.clock.random, world.macPrefix);
  return printPropertyString(values.set('macaddr', mac.toUpperCase()), rules);
}
