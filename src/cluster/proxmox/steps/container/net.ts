import type { ContainerSpec } from '../../../../core/guest.ts';
import { readProperty, writeProperty } from '../../property.ts';

/** A network card with the bridge and addresses of a flake; the rest of it (its MAC address above all) stays. */
export function withAddress(
  net: string,
  { bridge, ip, gateway }: Pick<ContainerSpec, 'bridge' | 'ip' | 'gateway'>,
): string {
  const kept = [...readProperty(net, 'name')].filter(([key]) => key !== 'ip' && key !== 'gw');
  const wanted = new Map([...kept, ['bridge', bridge] as const, ...(ip === 'manual' ? [] : [['ip', ip] as const])]);
  if (gateway !== undefined) wanted.set('gw', gateway);
  // `name=` is no default key of a container's card: it is written out.
  return writeProperty(wanted, '');
}
