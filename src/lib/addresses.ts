import { BlockList, isIP } from 'node:net';

type Network = readonly [network: string, bits: number, why: string];

interface Rule {
  readonly list: BlockList;
  readonly why: string;
}

const ownMachine = "the bot's own machine";
const linkLocal = 'link-local';
const metadata = 'the metadata service of a cloud';

/** Networks that a request on behalf of another person must not reach, by reason. */
const special4: readonly Network[] = [
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

const special6: readonly Network[] = [
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

/** Networks of a house or a company. */
const private4: readonly Network[] = [
  ['10.0.0.0', 8, 'private'],
  ['172.16.0.0', 12, 'private'],
  ['192.168.0.0', 16, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['192.0.0.0', 24, 'private'],
  ['198.18.0.0', 15, 'private'],
];

const private6: readonly Network[] = [
  ['fc00::', 7, 'private'],
  ['fec0::', 10, 'private'],
];

/** Where an IPv4 address stands in the last 32 bits: mapped, translated, compatible, NAT64. */
const carriers = ['::ffff:', '::ffff:0:', '::', '64:ff9b::'];

const special = rules(special4, special6);
const privates = rules(private4, private6);

/**
 * The reason why the bot must not connect to an IP address on behalf of another person: it is the bot's own machine,
 * link-local, a cloud's metadata service, multicast, reserved or a tunnel. `undefined` when it may.
 */
export function whyForbidden(address: string): string | undefined {
  return why(special, address);
}

/** The reason why an IP address is not public; `undefined` when it is. */
export function whyNotPublic(address: string): string | undefined {
  return why(special, address) ?? why(privates, address);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/**
 * Whether a host is this machine and no other: `localhost`, or an address of the loopback interface. An IPv6 address may
 * stand in brackets, as a URL has it. Any other name is not, whatever it resolves to: the answer may change.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const family = isIP(bare);
  return family === 0 ? bare === 'localhost' : loopback.check(bare, family === 4 ? 'ipv4' : 'ipv6');
}

function why(known: readonly Rule[], address: string): string | undefined {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return 'no IP address';
  return known.find(({ list }) => list.check(bare, family === 4 ? 'ipv4' : 'ipv6'))?.why;
}

function rules(networks4: readonly Network[], networks6: readonly Network[]): readonly Rule[] {
  return [
    ...networks6.map(([network, bits, because]) => rule(network, bits, 'ipv6', because)),
    ...networks4.flatMap(([network, bits, because]) => [
      rule(network, bits, 'ipv4', because),
      ...carriers.map((carrier) => rule(carrier + network, 96 + bits, 'ipv6', because)),
    ]),
  ];
}

function rule(network: string, bits: number, family: 'ipv4' | 'ipv6', because: string): Rule {
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return { list, why: because };
}
