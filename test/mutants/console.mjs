// The web console: who gets in, who may act, and from which page.
const login = ['test/chat/console/login.test.ts'];
const origin = ['test/chat/console/origin.test.ts'];

export const consoleGuards = [
  {
    room: 'console',
    file: 'src/chat/console/login.ts',
    tests: login,
    rows: [
      [
        'nobody goes on without the token',
        'if (bearer === undefined ? await mayGoOn(c, token, now()) : token.isSame(bearer)) return next();',
        'return next();',
      ],
      [
        'to act, a page sends its key',
        "return actKey(token, end).isSame(c.req.header(actHeader) ?? '');",
        'return true;',
      ],
      ['a session that only reads does nothing', "['GET', 'HEAD'].includes(c.req.method)", 'true'],
      ['the key to act is of this session', 'update(`act until ', 'update(`act ` || `'],
      [
        'a session is signed',
        'await getSignedCookie(c, token.reveal(), cookieOf(c))',
        "c.req.header('cookie')?.match(/=(\\d+)/)?.[1]",
      ],
      ['a session ends', ' && Number(end) > now', ''],
      ['no script reads the session', 'httpOnly: true,', ''],
      ['no other site sends the session along', "sameSite: 'Strict',", "sameSite: 'None',"],
      ['the session is for TLS where there is TLS', "secure: c.req.header('x-forwarded-proto') === 'https',", ''],
      [
        'two bots of one machine have cookies of their own',
        "return port === undefined ? 'proxnix_console' :",
        "return true ? 'proxnix_console' :",
      ],
      [
        'a link with a wrong token opens nothing',
        "if (token.isSame(given)) return begin(c, token, now(), '/');",
        "return begin(c, token, now(), '/');",
      ],
      [
        'a log-in leads to a view of the page only',
        "typeof to === 'string' && isView(to) ? to : '/'",
        "typeof to === 'string' ? to : '/'",
      ],
      ['the form asks for the token', '!token.isSame(given.trim())', 'false'],
      [
        'a token is taken from the address of the page only',
        "path === '/' ? c.req.query('token') : undefined",
        "c.req.query('token')",
      ],
      [
        'what the guard answers is kept by no cache',
        "response.headers.set('cache-control', 'no-store')",
        'response.headers',
      ],
      ['wrong tokens do not flood the log', 'if (now() < quietUntil) return;', ''],
      ['a log-in is at most 4 KiB', 'bodyLimit({ maxSize: 4096 })', 'bodyLimit({ maxSize: 4096000 })'],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/login.ts',
    tests: login,
    rows: [
      [
        'only the files of the log-in are open',
        'assets.some((name) => path === ',
        'assets.some((name) => path.startsWith("/console") || path === ',
      ],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/console.ts',
    tests: [...login, ...origin],
    rows: [
      ['every path of it is guarded', 'for (const path of guarded) app.use(path, guard);', ''],
      ['its files are guarded', "'/api/*', '/console/*']", "'/api/*']"],
      ['other names are not served', 'app.use(path, onlyOwnNames(names));', ''],
      ['a token of its own is for this machine alone', 'tokenFile !== undefined || ', ''],
      ['pages of other sites post nothing', 'app.use(path, onlyOwnPages);', ''],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/login.ts',
    tests: origin,
    rows: [
      ['a request of another site is refused', "return site === 'same-origin' || site === 'none';", 'return true;'],
      [
        'a form of another site is refused',
        "return hostOfUrl(origin) === header('host')?.toLowerCase();",
        'return true;',
      ],
      ['a script sends its header', 'return header(scriptHeader) !== undefined && ', 'return '],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/console.ts',
    tests: ['test/chat/console/console.test.ts'],
    rows: [
      ['a token is long', 'token.reveal().length < shortestToken', 'false'],
      [
        'a token of its own is for nobody beyond this machine',
        'if (tokenFile === undefined || open === undefined) return;',
        'return;',
      ],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/api.ts',
    tests: ['test/chat/console/api.test.ts'],
    rows: [
      ['a request is at most 64 KiB', 'bodyLimit({ maxSize: 64 * 1024,', 'bodyLimit({ maxSize: 64 * 1024 * 1024,'],
      [
        'a forged button is refused',
        "if (button === undefined) return problem(c, 400, 'This is no button of proxnix.');",
        '',
      ],
    ],
  },
  {
    room: 'console',
    file: 'src/store/files.ts',
    tests: ['test/store/secret-file.test.ts'],
    rows: [
      ['a token that others could read is made anew', '(mode & 0o077) !== 0', 'false'],
      ['a link is not followed to a token', 'constants.O_NOFOLLOW', '0'],
      ['a pipe in its place is not waited for', ' | constants.O_NONBLOCK', ''],
      ['a draft lends a token no mode', 'await rm(`', 'await rm(`/nowhere'],
      ['a damaged token is made anew', 'return form.test(text) ?', 'return true ?'],
      ['its folder is closed to others', 'recursive: true, mode: 0o700', 'recursive: true'],
      ['what is no file holds no token', '(mode & constants.S_IFMT) !== constants.S_IFREG', 'false'],
      ['a token has 192 bits', 'const bytes = 24;', 'const bytes = 8;'],
    ],
  },
  {
    room: 'console',
    file: 'src/app.ts',
    tests: ['test/app.test.ts'],
    rows: [
      [
        'its token counts as a secret',
        'gate = createGate([...config.secrets, ...tokens], config.tokenShapes)',
        'gate = createGate(config.secrets, config.tokenShapes)',
      ],
      [
        'the log has it neither',
        'createLog({ level: config.log.level, gate: (text) => gate(text) })',
        'createLog({ level: config.log.level, gate })',
      ],
    ],
  },
  {
    room: 'console',
    file: 'src/chat/console/kind.ts',
    tests: ['test/app.test.ts'],
    rows: [['a configured token is not printed', '(tokenFile === undefined ? url : ', '(']],
  },
];
