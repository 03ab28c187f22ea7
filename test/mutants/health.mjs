// Health checks reach guests, and nothing that a flake names in their place.
const page = ['test/health/network.test.ts'];
const dial = [...page, 'test/health/health-check.test.ts'];
const addresses = ['test/lib/addresses.test.ts'];

export const health = [
  {
    room: 'health',
    file: 'src/health/network.ts',
    tests: dial,
    rows: [
      [
        'a forbidden address is not connected to',
        'if (why !== undefined) throw new Refused(',
        'if (false) throw new Refused(',
      ],
    ],
  },
  {
    room: 'health',
    file: 'src/health/network.ts',
    tests: page,
    rows: [
      ['a redirect is not followed', "redirect: 'manual'", "redirect: 'follow'"],
      ['no credentials are sent', "if (url.username !== '' || url.password !== '')", 'if (false)'],
      ['the address that was checked is the one connected to', 'agent.createConnection = () => stream;', ''],
      ['a small answer is not unpacked', ', compress: false', ''],
      ['a certificate is verified', 'return tls.connect({', 'return tls.connect({ rejectUnauthorized: false,'],
    ],
  },
  {
    room: 'health',
    file: 'src/health/health-check.ts',
    tests: ['test/health/health-check.test.ts'],
    rows: [
      ['a guest that cannot be judged is not ill', 'if (!healthy && tookMs >= limitMs) throwUnanswered(seen);', ''],
      ['an agent that ever answered must answer', "if (ping.said === 'silent' && hadAgent)", 'if (false)'],
      ['a paused VM is not healthy', "if (typeof answer.said === 'object')", 'if (false)'],
    ],
  },
  {
    room: 'health',
    file: 'src/core/health.ts',
    tests: [
      'test/health/health.test.ts',
      'test/views/parts.test.ts',
      'test/health/health-check.test.ts',
      'test/views/plan-text.test.ts',
    ],
    rows: [
      [
        'a card shows no query of a URL',
        'const { origin, pathname } = new URL(http);',
        'const { origin, href: pathname } = new URL(http);',
      ],
    ],
  },
  {
    room: 'addresses',
    file: 'src/lib/addresses.ts',
    tests: addresses,
    rows: [
      ['loopback is forbidden', "['127.0.0.0', 8, ownMachine],", ''],
      ['0.0.0.0 is forbidden', "['0.0.0.0', 8, 'unspecified'],", ''],
      ['link-local is forbidden', "['169.254.0.0', 16, linkLocal],", ''],
      ['the metadata of clouds is forbidden', "['100.100.100.200', 32, metadata],", ''],
      ['multicast is forbidden', "['224.0.0.0', 4, 'multicast'],", ''],
      ['loopback of IPv6 is forbidden', "['::1', 128, ownMachine],", ''],
      ['link-local of IPv6 is forbidden', "['fe80::', 10, linkLocal],", ''],
      ['a tunnel is forbidden', "['2002::', 16, 'a tunnel'],", ''],
      [
        'an IPv4 address inside IPv6 is read',
        "...carriers.map((carrier) => rule(carrier + network, 96 + bits, 'ipv6', because)),",
        '',
      ],
      ['private addresses are not public', "['10.0.0.0', 8, 'private'],", ''],
      ['private addresses of IPv6 are not public', "['fc00::', 7, 'private'],", ''],
      ['what is no address is forbidden', "if (family === 0) return 'no IP address';", ''],
    ],
  },
];
