// What anybody on the network reaches: the webhook and the HTTP server.
const route = ['test/forge/route.test.ts'];
const forges = ['test/forge/forges.test.ts'];

export const entrances = [
  {
    room: 'webhook',
    file: 'src/forge/route.ts',
    tests: route,
    rows: [
      [
        'the signature is checked',
        'if (!forge.verify(headers, body.bytes, receiver.secret.reveal(), receiver.now()))',
        'if (false)',
      ],
      [
        'a redelivery does nothing',
        'const isRepeated = id !== undefined && deliveries.has(id);',
        'const isRepeated = false;',
      ],
      ['a body is at most 1 MiB', 'limitBytes: 1024 * 1024,', 'limitBytes: 1024 * 1024 * 1024,'],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forge/route.ts',
    tests: route,
    rows: [
      [
        'a length that is told is refused before the body',
        "if (Number(request.headers.get('content-length') ?? 0) > limits.limitBytes) return { kind: 'too-large' };",
        '',
      ],
      ['a stream is cut at the limit', "if (size > limits.limitBytes) return { kind: 'too-large' };", ''],
      ['a slow sender is hung up on', 'Promise.race([reader.read(), deadline.reached])', 'reader.read()'],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forge/route.ts',
    tests: [...forges, ...route],
    rows: [
      ['a signature has its form', '!/^[0-9a-f]{64}$/.test(hex)', 'false'],
      ['a wrong prefix is no signature', "!header.startsWith('sha256=')", 'false'],
      ['an empty secret signs nothing', "if (secret === '' || hex", 'if (hex'],
      ['nothing is equal to nothing', "given === '' || expected === ''", 'false'],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forge/gitlab.ts',
    tests: forges,
    rows: [
      [
        'an old signature of GitLab is refused',
        'if (Math.abs(nowMs - Number(timestamp) * 1000) > toleranceMs)',
        'if (false)',
      ],
      ['the timestamp of GitLab is signed', '{timestamp}.`, body', "{''}.`, body"],
      [
        'our secret decides how GitLab signs',
        'return key === undefined ?',
        "return key === undefined || headers('x-gitlab-token') !== undefined ?",
      ],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forges.ts',
    tests: [...forges, ...route],
    rows: [
      [
        'the forge that sends it is the one that checks it',
        '[forgejo, gitea, gitlab, github]',
        '[github, forgejo, gitea, gitlab]',
      ],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forge/gitea.ts',
    tests: forges,
    rows: [
      [
        'a wrong signature is not rescued by another',
        'if (own !== undefined) return isSignedHex(body, secret, own);',
        'if (own !== undefined && isSignedHex(body, secret, own)) return true;',
      ],
    ],
  },
  {
    room: 'webhook',
    file: 'src/forge/payload.ts',
    tests: forges,
    rows: [
      ['a deeply nested body is not parsed', 'if (isDeeperThan(text, deepest))', 'if (false)'],
      ['a body is valid UTF-8', '{ fatal: true }', '{ fatal: false }'],
      ['a deleted branch has no commit', '...(/^0+$/.test(after) ? {} : { after }),', 'after,'],
      ['a delivery id has a form and a length', '/^[\\w.:-]{1,128}$/.test(id)', 'true'],
      ['a commit is a hash', '.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)', ''],
      ['a ref is one of git', '.regex(/^refs\\/[^\\p{Cc} ~^:?*[\\\\]{1,1000}$/u)', ''],
    ],
  },
  {
    room: 'webhook',
    file: 'src/pipeline/pipeline.ts',
    tests: ['test/pipeline/deploy.test.ts'],
    rows: [
      [
        'another repository is ignored',
        'fleets.filter((fleet) => isSameRepository(fleet.repository, repository));',
        'fleets;',
      ],
      [
        'another branch is ignored',
        'ofRepository.filter((fleet) => ref === `refs/heads/',
        'ofRepository.filter(() => true || `refs/heads/',
      ],
      ['a deleted branch is ignored', "if (after === undefined) return ignored('the branch was deleted');", ''],
    ],
  },
  {
    room: 'http',
    file: 'src/http/server.ts',
    tests: ['test/http/server.test.ts'],
    rows: [
      ['slow headers are hung up on', 'headersTimeout: headersTimeoutMs,', ''],
      ['a slow request is hung up on', 'requestTimeout: requestTimeoutMs,', ''],
      [
        'slow senders are looked for each second',
        'connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),',
        '',
      ],
    ],
  },
  {
    room: 'http',
    file: 'src/http/server.ts',
    tests: ['test/http/server.test.ts'],
    rows: [['a stop does not wait for who hangs', 'for (const socket of answering.keys()) socket.destroy();', '']],
  },
  {
    room: 'http',
    file: 'src/http/server.ts',
    tests: ['test/http/server.test.ts'],
    rows: [
      ['metrics need a token', 'given !== undefined && tokens.some((token) => token.isSame(given))', 'true'],
      [
        'an error tells nothing of the bot',
        "{ error: 'An unexpected error inside proxnix.',",
        '{ error: error.message,',
      ],
      ['a page runs no script that stands in it', 'scriptSrc: self,', 'scriptSrc: [...self, "\'unsafe-inline\'"],'],
      ['no page is shown in a frame', 'frameAncestors: ["\'none\'"],', ''],
    ],
  },
  {
    room: 'http',
    file: 'src/chat/console/kind.ts',
    tests: ['test/config/config.test.ts'],
    rows: [['a console beyond this machine is warned of', 'isLoopback(httpHost) ? [] : [plainHttp]', '[]']],
  },
];
