import type { Change } from './change.ts';
import type { Plan } from './plan.ts';

/** The changes in the cluster between two plans for the same goal, as text, one for each changed guest. */
export function planDifferences(before: Plan, after: Plan): readonly string[] {
  const vmids = [...new Set([...before.changes, ...after.changes].map((change) => change.vmid))].sort((a, b) => a - b);
  const find = (plan: Plan, vmid: number) => plan.changes.find((change) => change.vmid === vmid);
  return vmids.flatMap((vmid) => guestDifferences(find(before, vmid), find(after, vmid)));
}

function guestDifferences(before: Change | undefined, after: Change | undefined): readonly string[] {
  if (before === undefined) return after === undefined ? [] : [`${name(after)} needs a change now`];
  if (after === undefined) return [`${name(before)} needs no change any more`];
  if (before.action === 'create' && after.action !== 'create') return [`VMID ${after.vmid} is taken now`];
  if (before.action !== 'create' && after.action === 'create') return [`${name(before)} is gone`];
  if (before.blocked?.reason !== after.blocked?.reason) {
    return [after.blocked === undefined ? `${name(before)} is not blocked any more` : `${name(before)} is blocked now`];
  }
  if (before.action === 'create' || after.action === 'create') {
    return before.node === after.node ? [] : [`${name(before)} would go to ${after.node}`];
  }
  const [was, is] = [before.live, after.live];
  if (was.config?.uuid !== is.config?.uuid) return [`${name(before)} is another machine under the same VMID`];
  if (was.node !== is.node) return [`${name(before)} moved from ${was.node} to ${is.node}`];
  if (was.tags.join(';') !== is.tags.join(';')) return [`the tags of ${name(before)} changed`];
  if (was.config?.digest !== is.config?.digest) return [`the configuration of ${name(before)} changed`];
  return [];
}

function name(change: Change): string {
  return `${change.name} (${change.vmid})`;
}
