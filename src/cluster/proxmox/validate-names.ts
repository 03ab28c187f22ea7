import { UserError } from '../../core/errors.ts';
import type { GuestSpec } from '../../core/guest.ts';

/** Identifiers as Proxmox VE defines them (PVE::JSONSchema 9.2): none can leave its place in a path or a property. */
const forms = {
  'name of a node': /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
  'name of a storage': /^[a-zA-Z][a-zA-Z0-9_.-]*[a-zA-Z0-9]$/,
  'name of a bridge': /^[a-zA-Z][a-zA-Z0-9_.-]*$/,
  'name of a SCSI controller': /^[a-z0-9-]+$/,
  'name of a disk slot': /^(?:scsi|virtio|sata|ide)\d{1,2}$/,
  'address of a container': /^(?:dhcp|manual|[\d.]{7,15}\/\d{1,2})$/,
  'address of a gateway': /^[\d.]{7,15}$/,
  'name of a feature': /^[a-z_]+$/,
} as const;

/** Names come from a flake, whoever wrote it: `fast:0,import-from=...` is no storage. */
export function validateNames(node: string, guest?: GuestSpec): void {
  check('name of a node', node);
  if (guest === undefined) return;
  check('name of a storage', guest.storage);
  check('name of a bridge', guest.bridge);
  if (guest.kind === 'container') {
    check('address of a container', guest.ip);
    if (guest.gateway !== undefined) check('address of a gateway', guest.gateway);
    for (const feature of guest.features) check('name of a feature', feature);
    return;
  }
  check('name of a SCSI controller', guest.scsiHw);
  check('name of a disk slot', guest.diskSlot);
  if (guest.cloudInit !== undefined) check('name of a storage', guest.cloudInit.storage);
}

function check(kind: keyof typeof forms, word: string): void {
  if (forms[kind].test(word)) return;
  throw new UserError(`${JSON.stringify(word)} is no ${kind} in Proxmox.`, {
    next: 'Correct it in the flake.',
  });
}
