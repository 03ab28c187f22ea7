import type { Block, GuestRow, Mark } from '../../src/views/card.ts';

const marks: Readonly<Record<string, Mark>> = { destroy: '-', replace: '-/+', update: '~', create: '+' };

/** A plan's table with so many guests of each action, in this order; a destroy is to be kept. */
export function manyGuests(counts: Readonly<Record<string, number>>): Extract<Block, { kind: 'guests' }> {
  const actions = Object.entries(counts).flatMap(([action, many]) => Array.from({ length: many }, () => action));
  return { kind: 'guests', of: 'plan', rows: actions.map(rowOf) };
}

function rowOf(action: string, index: number): GuestRow {
  return {
    guest: { name: `vm-${String(index).padStart(3, '0')}`, vmid: 1000 + index },
    action,
    mark: marks[action] ?? '!',
    image: 'build-qcow2-web',
    parts: [`disk scsi0 of VM ${1000 + index} on local-lvm`, `cores ${index} -> ${index + 1}`, `size ${index} GiB`],
    ...(action === 'destroy' ? { keep: true } : {}),
  };
}
