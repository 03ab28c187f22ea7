import { z } from 'zod';
import { address, defined, macAddress, plainName, router, vlanTag } from './forms.ts';

/** A network card. A wanted one has the values that the flake names, a live one all that it has. */
export interface Card {
  /** Absent in the first card of a wanted guest: its bridge is the setting `bridge`. */
  readonly bridge?: string;
  /** `null`: none. */
  readonly vlan?: number | null;
  /** In capital letters. */
  readonly mac?: string;
  readonly mtu?: number | null;
  /** A VM's only. */
  readonly model?: string;
  readonly firewall?: boolean;
  /** MB/s, as Proxmox counts them. */
  readonly rateMbps?: number | null;
  /** The interface of a container. */
  readonly name?: string;
  /** The address of a container's card. */
  readonly ip?: string;
  /** The gateway of a container's card. */
  readonly gateway?: string;
}

/** The cards by their number. `null`: there is none, and a wanted guest shall have none. */
export type Cards = readonly (Card | null)[];

/** Models that Proxmox VE 8.4 and 9.2 know. */
export const cardModels = [
  ...(['virtio', 'e1000', 'e1000e', 'vmxnet3', 'rtl8139', 'e1000-82540em', 'e1000-82544gc', 'e1000-82545em'] as const),
  ...(['i82551', 'i82557b', 'i82559er', 'ne2k_isa', 'ne2k_pci', 'pcnet'] as const),
] as const;

const text = z.string().max(1024);
const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** The cards as they are held. */
export const cardsValue = z
  .array(
    z.union([
      z.strictObject({
        bridge: z.exactOptional(text),
        vlan: z.exactOptional(amount.nullable()),
        mac: z.exactOptional(text),
        mtu: z.exactOptional(amount.nullable()),
        model: z.exactOptional(text),
        firewall: z.exactOptional(z.boolean()),
        rateMbps: z.exactOptional(amount.nullable()),
        name: z.exactOptional(text),
        ip: z.exactOptional(text),
        gateway: z.exactOptional(text),
      }),
      z.null(),
    ]),
  )
  .max(32);

const commonFields = {
  bridge: plainName.describe('the bridge, or the network of an SDN'),
  vlan: vlanTag.optional().describe('the VLAN tag, 1 to 4094'),
  mac: macAddress.optional().describe('the MAC address; a new card without it gets one, which it keeps'),
  // 1 is "as its bridge has it" (qm.conf).
  mtu: z.int().min(1).max(65_520).optional().describe('the MTU; 1 is that of the bridge'),
  firewall: z.boolean().optional().describe("whether Proxmox's firewall filters it"),
  rate_mbps: z.number().positive().max(10_240).optional().describe('the limit in MB/s'),
};
const vmFields = z.strictObject({
  ...commonFields,
  model: z.enum(cardModels).optional().describe('the model; a new card without it is `"virtio"`'),
});
const containerFields = z.strictObject({
  ...commonFields,
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{1,14}$/i, 'must be an interface such as "eth1"')
    .optional()
    .describe('the interface; a new card without it is `eth0`, `eth1`, …'),
  ip: address
    .optional()
    .describe('`"dhcp"`, `"manual"`, or like `"10.0.0.5/24"`; the first card without it has `"dhcp"`'),
  gateway: router.optional().describe('the IPv4 gateway'),
});

/** `networks` of a VM as the flake writes it; Proxmox has net0 to net31. */
export const vmCards = z.array(vmFields.transform(toCard)).min(1).max(32);
/** `networks` of a container as the flake writes it. */
export const containerCards = z.array(containerFields.transform(toCard)).min(1).max(32);

/** The fields of a card. */
export const cardFields = { vm: vmFields, container: containerFields } as const;

function toCard({ rate_mbps, ...fields }: z.output<typeof vmFields> | z.output<typeof containerFields>): Card {
  return defined({ ...fields, rateMbps: rate_mbps });
}

/**
 * The cards of a live guest as the flake writes them, without what a card has when nobody names it, and without the MAC
 * address, which stays. The flake leaves out no number and no bridge: the cards end where one is missing.
 */
export function cardsInFlake(cards: Cards = []): Readonly<Record<string, unknown>>[] {
  const end = cards.findIndex((card) => card?.bridge === undefined);
  return cards.slice(0, end < 0 ? cards.length : end).map((card, number) => {
    const { mac: _, rateMbps: rate_mbps, ...rest } = card ?? {};
    const ip = number === 0 ? 'dhcp' : 'manual';
    const usual: Readonly<Record<string, unknown>> = { model: 'virtio', firewall: false, name: `eth${number}`, ip };
    const named = Object.entries({ ...rest, rate_mbps }).filter(([key, value]) => value !== usual[key]);
    return defined(Object.fromEntries(named));
  });
}

/** What the wanted cards name of the live ones; cards beyond them are not managed. */
export function partOfCards(live: Cards = [], wanted: Cards = []): Cards {
  return wanted.map((card, number) => {
    const there = live[number] ?? null;
    if (card === null || there === null) return there;
    const held: Readonly<Record<string, unknown>> = { vlan: null, mtu: null, rateMbps: null, ...there };
    const named = Object.keys(card).filter((key) => held[key] !== undefined);
    return Object.fromEntries(named.map((key) => [key, held[key]]));
  });
}

/**
 * The live cards, with what the wanted ones would add taken away again: cards that are not there, and parts that a card
 * does not have.
 */
export function restoredCards(live: Cards = [], wanted: Cards = []): Cards {
  return Array.from({ length: Math.max(live.length, wanted.length) }, (_, number) => {
    const there = live[number] ?? null;
    return there && { ...(wanted[number] ?? {}), ...unset(wanted[number]), ...there };
  });
}

/** The parts of a card that can be absent, as none. */
function unset(card: Card | null | undefined): Card {
  const removable = ['vlan', 'mtu', 'rateMbps'] as const;
  return Object.fromEntries(removable.flatMap((key) => (card?.[key] === undefined ? [] : [[key, null]])));
}

/** The cards as people read them: `net0 vlan=10, net1 bridge=vmbr1 mtu=1400`. */
export function showCards(cards: Cards = []): string {
  if (cards.length === 0) return 'none';
  return cards.map(showCard).join(', ');
}

const shownKeys = [
  ...(['bridge', 'vlan', 'model', 'mac', 'mtu', 'firewall', 'rateMbps', 'name', 'ip', 'gateway'] as const),
] as const;

/** A card as people read it: `net1 bridge=vmbr1 mtu=1400`. */
export function showCard(card: Card | null, number: number): string {
  const parts = shownKeys.flatMap((key) => {
    const [value, name] = [card?.[key], key === 'rateMbps' ? 'rate' : key];
    if (value === undefined) return [];
    if (value === null) return `no ${name}`;
    return `${name}=${typeof value === 'boolean' ? (value ? 'yes' : 'no') : value}`;
  });
  return [`net${number}`, ...(card === null ? ['none'] : parts)].join(' ');
}
