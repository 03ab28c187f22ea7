import { UserError } from '../../core/errors.ts';
import { type Property, readProperty, type Values, writeProperty } from './property.ts';

/** Keys to write by name; `undefined` deletes one. */
export type Changes = Readonly<Record<string, string | number | boolean | undefined>>;

/** How a setting stands in the configuration of a guest in Proxmox VE (8.4 and 9.2: qm.conf, pct.conf). */
export interface Codec<Value> {
  /** The keys of the configuration that it stands in; several settings may share one. */
  readonly keys: readonly string[];
  /** When it is written: with everything else, in the create call only, or with the last write to the guest. */
  readonly written?: 'at creation' | 'at the end';
  /** The value; Proxmox's default where the key is absent. */
  read(values: Values): Value;
  /** What is to be written, composed on the values that are there; `undefined` deletes a key. */
  write(wanted: Value, values: Values): Changes;
  /** Throws a `UserError` for text that could leave its place in a property string. */
  check?(wanted: NonNullable<Value>): void;
}

export function text(key: string, absent = ''): Codec<string> {
  return { keys: [key], read: (values) => values[key] ?? absent, write: (wanted) => ({ [key]: wanted }) };
}

export function optionalText(key: string): Codec<string | undefined> {
  return { keys: [key], read: (values) => values[key], write: (wanted) => ({ [key]: wanted }) };
}

/** One part of a property string, whose other parts stay. */
export function partOf(
  key: string,
  part: string,
  { absent, form }: { readonly absent: string; readonly form: keyof typeof forms },
): Codec<string | undefined> {
  return {
    keys: [key],
    read: (values) => readProperty(values[key] ?? '', part).get(part) ?? absent,
    write: (wanted, values) =>
      wanted === undefined
        ? {}
        : {
            [key]: writeProperty(
              new Map([[part, wanted], ...others(readProperty(values[key] ?? '', part), part)]),
              part,
            ),
          },
    check: (word) => check(form, word),
  };
}

export function amount(key: string, absent: number): Codec<number> {
  return { keys: [key], read: (values) => Number(values[key] ?? absent), write: (wanted) => ({ [key]: wanted }) };
}

export function flag(key: string): Codec<boolean> {
  return { keys: [key], read: (values) => values[key] === '1', write: (wanted) => ({ [key]: wanted }) };
}

/** With a part in its place or as the last one, or without it. */
export function replaced(property: Property, name: string, value: string | undefined): Property {
  if (value === undefined) return new Map(others(property, name));
  return new Map([...property, [name, value]]);
}

export function others(property: Property, name: string): readonly (readonly [string, string])[] {
  return [...property].filter(([key]) => key !== name);
}

export function wordsOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(/[\s,;]+/).filter((word) => word !== '');
}

/** Identifiers as Proxmox VE defines them (PVE::JSONSchema 9.2): none can leave its place in a path or a property. */
const forms = {
  'name of a node': /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
  'name of a storage': /^[a-zA-Z][a-zA-Z0-9_.-]*[a-zA-Z0-9]$/,
  'name of a bridge': /^[a-zA-Z][a-zA-Z0-9_.-]*$/,
  'name of a SCSI controller': /^[a-z0-9-]+$/,
  'type of a machine': /^[a-z0-9][a-z0-9.+-]*$/,
  'firmware of a VM': /^(?:seabios|ovmf)$/,
  'path in a container': /^(?:\/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+$/,
  'name of a disk slot': /^(?:scsi|virtio|sata|ide)\d{1,2}$/,
  'address of a container': /^(?:dhcp|manual|[\d.]{7,15}\/\d{1,2})$/,
  'address of a gateway': /^[\d.]{7,15}$/,
  'name of a feature': /^[a-z_]+$/,
  'CPU type': /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  'type of a display': /^[a-z0-9-]+$/,
  'name of a resource mapping': /^[A-Za-z][A-Za-z0-9_-]+$/,
  'name of a user': /^[A-Za-z0-9_-]+$/,
  'name of an interface': /^[A-Za-z0-9_]+$/,
  'model of a network card': /^[a-z0-9_-]+$/,
  'MAC address': /^[0-9A-F]{2}(?::[0-9A-F]{2}){5}$/,
  'address of a server of names': /^[0-9A-Fa-f.:]+$/,
  domain: /^[A-Za-z0-9.-]+$/,
} as const;

/** Throws for a word that could leave its place in a path or a property string. */
export function check(kind: keyof typeof forms, word: string): void {
  if (forms[kind].test(word)) return;
  throw new UserError(`${JSON.stringify(word)} is no ${kind} in Proxmox.`, {
    next: 'Correct it in the flake.',
  });
}
