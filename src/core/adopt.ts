import type { AdoptChange, Blocked, Change } from './change.ts';
import { type DesiredGuest, guestLabel } from './guest.ts';
import type { LiveGuest } from './live.ts';
import { protectedAdvice } from './lock.ts';
import { readTags } from './tags.ts';

/** Who takes a guest over. */
interface Owner {
  readonly fleet: string;
}

/**
 * Taking over a guest that is not ours.
 * @param tags its tags from then on
 * @param next what a plan would do to it with these tags
 */
export function adoptChange(
  owner: Owner,
  guest: DesiredGuest,
  live: LiveGuest,
  { tags, next }: { readonly tags: string; readonly next: Change | undefined },
): AdoptChange {
  const { vmid, name } = guest;
  const base = { action: 'adopt', vmid, name, node: live.node, guest, live, tags } as const;
  const blocked = refusalOf(owner, guest, live);
  if (blocked !== undefined) return { ...base, blocked };
  return next?.action === 'update' || next?.action === 'replace' ? { ...base, next } : base;
}

function refusalOf(owner: Owner, guest: DesiredGuest, live: LiveGuest): Blocked | undefined {
  const { vmid, config } = live;
  const label = guestLabel({ guestKind: live.kind, vmid });
  if (live.kind !== guest.kind)
    return {
      reason: 'kind',
      advice: `VMID ${vmid} is a ${live.kind === 'vm' ? 'VM' : 'container'}. Give ${guest.key} another vm_id.`,
    };
  const { fleet } = readTags(live.tags);
  if (fleet !== undefined && fleet !== owner.fleet.toLowerCase()) {
    return { reason: 'not-ours', advice: `${label} is a guest of the fleet "${fleet}".` };
  }
  if (live.template)
    return { reason: 'template', advice: `${label} is a template; proxnix does not manage templates.` };
  if (live.lock !== undefined) {
    return { reason: 'locked', advice: `${label} is locked (${live.lock}). Ask again when that is over.` };
  }
  if (config === undefined) {
    return {
      reason: 'unreachable',
      advice: `The configuration of ${label} on node ${live.node} cannot be read. Is the node down?`,
    };
  }
  if (config.protected) return { reason: 'protected', advice: protectedAdvice({ guestKind: live.kind, vmid }) };
  if (guest.protected) {
    const advice = `The flake says protected = true. Set it to false to let proxnix take ${label} over.`;
    return { reason: 'protected', advice };
  }
  if (config.uuid === undefined) {
    return {
      reason: 'not-ours',
      advice:
        live.kind === 'vm'
          ? `${label} has no SMBIOS UUID, by which proxnix knows a machine. Set one in Proxmox.`
          : `${label} has no net0 with a MAC address, by which proxnix knows a container. Add one in Proxmox.`,
    };
  }
  return undefined;
}
