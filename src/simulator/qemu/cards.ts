import type { Guest } from '../guest.ts';
import type { World } from '../world.ts';

/** The bridge of a card, as the node of its guest has it. */
export interface CardBridge {
  readonly bridge: string | undefined;
  /** True also for a card without a bridge. */
  readonly isThere: boolean;
  /** The card has a vlan tag, and the bridge has no network card below it that could carry one. */
  readonly lacksUplink: boolean;
}

/** Looks the bridge of a card (`virtio=MAC,bridge=vmbr0,tag=20`) up. */
export function bridgeOf(world: World, guest: Guest, card: string | number): CardBridge {
  const bridge = /(?:^|,)bridge=([^,]+)/.exec(String(card))?.[1];
  const found = world.seed.bridges.find((one) => one.iface === bridge && one.node === guest.node);
  const isTagged = /(?:^|,)tag=\d/.test(String(card));
  return {
    bridge,
    isThere: bridge === undefined || found !== undefined,
    lacksUplink: isTagged && found?.uplink === false,
  };
}
