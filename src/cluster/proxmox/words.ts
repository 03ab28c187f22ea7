import { UserError } from '../../core/errors.ts';
import type { GuestSpec } from '../../core/guest.ts';

/** Identifiers as Proxmox VE defines them (PVE::JSONSchema 9.2): none can leave its place in a path or a property. */
const forms = {
  node: /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
  storage: /^[a-zA-Z][a-zA-Z0-9_.-]*[a-zA-Z0-9]$/,
  bridge: /^[a-zA-Z][a-zA-Z0-9_.-]*$/,
  'SCSI controller': /^[a-z0-9-]+$/,
  'disk slot': /^(?:scsi|virtio|sata|ide)\d{1,2}$/,
} as const;

/** Names come from a flake, whoever wrote it: `fast:0,import-from=...` is no storage. */
export function checkWords(node: string, guest?: GuestSpec): void {
  check('node', node);
  if (guest === undefined) return;
  check('storage', guest.storage);
  check('bridge', guest.bridge);
  if (guest.kind === 'container') return;
  check('SCSI controller', guest.scsiHw);
  check('disk slot', guest.diskSlot);
  if (guest.cloudInit !== undefined) check('storage', guest.cloudInit.storage);
}

function check(kind: keyof typeof forms, word: string): void {
  if (forms[kind].test(word)) return;
  throw new UserError(`${JSON.stringify(word)} is no name of a ${kind} in Proxmox.`, {
    next: 'Correct it in the flake.',
  });
}
