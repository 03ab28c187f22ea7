import { defined } from '../../core/forms.ts';
import { type Card, type Cards, cardModels } from '../../core/networks.ts';
import { type Codec, check, replaced } from './codec.ts';
import { type Property, readProperty, writeProperty } from './property.ts';

/**
 * A part of the first network card, whose other parts stay: without its MAC address it would get a new one.
 * @param fresh the card of a new guest
 * @param first the name of the card's first part, which a VM has without its name
 */
export function onCard<Value>(
  fresh: string,
  first: 'model' | 'name',
  part: {
    read(card: Property): Value;
    write(wanted: Value, card: Property): Property;
  },
): Codec<Value> {
  // `name=` is no default key of a container's card: it is written out.
  const written = first === 'model' ? first : '';
  return {
    keys: ['net0'],
    read: ({ net0 = '' }) => part.read(readProperty(net0, first)),
    write: (wanted, { net0 = fresh }) => ({
      net0: writeProperty(part.write(wanted, readProperty(net0, first)), written),
    }),
  };
}

/** How a card of one kind of guest is read and written. */
interface CardForm {
  /** The card of a number that is not there yet. */
  fresh(number: number): Property;
  read(card: Property): Card;
  write(wanted: Card, card: Property): string;
}

export const vmCard: CardForm = {
  fresh: () => new Map([['model', 'virtio']]),
  read: (card) => {
    const model = cardModels.find((name) => card.has(name));
    return defined({
      ...commonCard(card),
      model: model ?? card.get('model'),
      mac: macOf(card.get(model ?? 'macaddr')),
    });
  },
  write: (wanted, card) => {
    const there = vmCard.read(card);
    const [model, mac] = [wanted.model ?? there.model ?? 'virtio', wanted.mac ?? there.mac];
    const rest = [...writeCommon(wanted, card)].filter(
      ([key]) => key !== 'model' && key !== 'macaddr' && !(cardModels as readonly string[]).includes(key),
    );
    // Without its MAC address a card would get a new one.
    return writeProperty(new Map([mac === undefined ? ['model', model] : [model, mac], ...rest]), 'model');
  },
};

export const containerCard: CardForm = {
  fresh: (number) => new Map([['name', `eth${number}`]]),
  read: (card) =>
    defined({
      ...commonCard(card),
      name: card.get('name'),
      mac: macOf(card.get('hwaddr')),
      ip: card.get('ip') ?? 'manual',
      gateway: card.get('gw'),
    }),
  write: ({ name, mac, ip, gateway, ...wanted }, card) => {
    const parts = { name, hwaddr: mac, ip: ip === 'manual' ? null : ip, gw: gateway };
    return writeProperty(withParts(writeCommon(wanted, card), parts), '');
  },
};

function commonCard(card: Property): Card {
  const number = (key: string) => (card.has(key) ? Number(card.get(key)) : undefined);
  const parts = { bridge: card.get('bridge'), vlan: number('tag'), mtu: number('mtu'), rateMbps: number('rate') };
  return defined({ ...parts, firewall: card.get('firewall') === '1' });
}

function writeCommon({ bridge, vlan, mtu, rateMbps, firewall }: Card, card: Property): Property {
  const flag = firewall === undefined ? undefined : Number(firewall);
  return withParts(card, { bridge, tag: vlan, mtu, rate: rateMbps, firewall: flag });
}

/** With the parts that are given; `null` takes one away. */
function withParts(card: Property, parts: Readonly<Record<string, string | number | null | undefined>>): Property {
  return Object.entries(parts).reduce((all, [key, value]) => {
    if (value === undefined) return all;
    return replaced(all, key, value === null ? undefined : String(value));
  }, card);
}

function macOf(text: string | undefined): string | undefined {
  return text?.toUpperCase();
}

/** The cards of a guest, each with the parts that the flake does not name as they are. Proxmox has net0 to net31. */
export function cardsOf(form: CardForm): Codec<Cards | undefined> {
  const keys = Array.from({ length: 32 }, (_, number) => `net${number}`);
  const first = form === vmCard ? 'model' : 'name';
  return {
    keys,
    read: (values) => {
      const last = keys.findLastIndex((key) => values[key] !== undefined);
      return keys.slice(0, last + 1).map((key) => {
        const text = values[key];
        return text === undefined ? null : form.read(readProperty(text, first));
      });
    },
    write: (wanted = [], values) =>
      Object.fromEntries(
        wanted.flatMap((card, number): [string, string | undefined][] => {
          const [key, text] = [`net${number}`, values[`net${number}`]];
          if (card === null) return text === undefined ? [] : [[key, undefined]];
          const there = text === undefined ? form.fresh(number) : readProperty(text, first);
          return [[key, form.write(card, there)]];
        }),
      ),
    check: (wanted) => {
      for (const card of wanted) {
        if (card?.bridge !== undefined) check('name of a bridge', card.bridge);
        if (card?.name !== undefined) check('name of an interface', card.name);
        if (card?.model !== undefined) check('model of a network card', card.model);
        if (card?.mac !== undefined) check('MAC address', card.mac);
        if (card?.ip !== undefined) check('address of a container', card.ip);
        if (card?.gateway !== undefined) check('address of a gateway', card.gateway);
      }
    },
  };
}

export function bridgeOn(fresh: string, first: 'model' | 'name'): Codec<string> {
  return {
    ...onCard(fresh, first, {
      read: (card) => card.get('bridge') ?? '',
      // A card without a bridge, or none at all, reads as an empty name: only a rollback writes that.
      write: (bridge, card) => replaced(card, 'bridge', bridge || undefined),
    }),
    check: (bridge) => {
      if (bridge !== '') check('name of a bridge', bridge);
    },
  };
}
