import { didYouMean } from '../src/core/nearest.ts';
import { guestStatusCard, statusCard } from '../src/views/answer-cards.ts';
import { defineCommand, note } from './command.ts';

/** Shows the current and waiting runs of a fleet, and the state of each guest, read from the cluster now. */
export const status = defineCommand({
  name: 'status',
  description: 'Show the guests, the open plan and the queue',
  wish: 'view',
  options: [
    {
      name: 'name',
      description: 'A fleet, or the name or VMID of a guest',
      required: false,
      complete: 'fleet-or-guest',
    },
  ],
  async run({ args, pipeline, fleets, now }) {
    const fleet = fleets.find((one) => one.name === args.name);
    const meant = fleet === undefined ? fleets : [fleet];
    const all = await Promise.all(meant.map((one) => pipeline.status(one)));
    if (args.name === undefined || fleet !== undefined) {
      return { kind: 'card', card: statusCard(all, now, pipeline.risks()) };
    }
    const found = all.flatMap((one) =>
      one.guests.filter((guest) => guest.name === args.name || String(guest.vmid) === args.name),
    );
    const [guest] = found;
    if (guest !== undefined) return { kind: 'card', card: guestStatusCard(guest) };
    const names = all.flatMap((one) => [one.fleet, ...one.guests.map((known) => known.name)]);
    return note(`There is no fleet or guest "${args.name}"${didYouMean(args.name, names) || '.'}`);
  },
});
