import { BlockList, isIP } from 'node:net';

const ownMachine = "the bot's own machine";
const linkLocal = 'link-local';
const metadata = 'the metadata service of a cloud';

/** Networks that no health check reaches, by why. */
const forbidden4: readonly (readonly [network: string, bits: number, why: string])[] = [
  // Linux takes all of 0.0.0.0/8 for "this host".
  ['0.0.0.0', 8, 'unspecified'],
  ['127.0.0.0', 8, ownMachine],
  ['169.254.0.0', 16, linkLocal],
  ['224.0.0.0', 4, 'multicast'],
  ['255.255.255.255', 32, 'broadcast'],
  ['240.0.0.0', 4, 'reserved'],
  // Alibaba, Azure and Oracle have theirs outside of link-local.
  ['100.100.100.200', 32, metadata],
  ['168.63.129.16', 32, metadata],
  ['192.0.0.192', 32, metadata],
];

const forbidden6: readonly (readonly [network: string, bits: number, why: string])[] = [
  ['::', 128, 'unspecified'],
  ['::1', 128, ownMachine],
  ['fe80::', 10, linkLocal],
  ['ff00::', 8, 'multicast'],
  // Amazon and Google.
  ['fd00:ec2::254', 128, metadata],
  ['fd20:ce::254', 128, metadata],
  // 6to4, Teredo and local NAT64 hide an IPv4 address in ways of their own.
  ['2002::', 16, 'a tunnel'],
  ['2001::', 32, 'a tunnel'],
  ['64:ff9b:1::', 48, 'a tunnel'],
];

/** Where an IPv4 address stands in the last 32 bits: mapped, translated, compatible, NAT64. */
const carriers = ['::ffff:', '::ffff:0:', '::', '64:ff9b::'];

const rules = [
  ...forbidden6.map(([network, bits, why]) => rule(network, bits, 'ipv6', why)),
  ...forbidden4.flatMap(([network, bits, why]) => [
    rule(network, bits, 'ipv4', why),
    ...carriers.map((carrier) => rule(carrier + network, 96 + bits, 'ipv6', why)),
  ]),
];

/**
 * Why a health check may not connect to an IP address; `undefined` when it may. What is checked comes from a flake, a
 * name server or a guest: none of them shall make the bot talk to itself or to what trusts its machine.
 */
export function whyForbidden(address: string): string | undefined {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return 'no IP address';
  return rules.find(({ list }) => list.check(bare, family === 4 ? 'ipv4' : 'ipv6'))?.why;
}

function rule(network: string, bits: number, family: 'ipv4' | 'ipv6', why: string) {
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return { list, why };
}
