// Nix: what a push evaluates and builds is kept from the machine, the network and other fleets.
const sandbox = ['test/builder/nix/sandbox.test.ts'];
const args = ['test/builder/nix/arguments.test.ts'];
const egress = ['test/builder/nix/egress.test.ts'];
const inputs = ['test/builder/nix/inputs.test.ts'];
const images = ['test/builder/nix/image-file.test.ts'];
const guards = ['test/builder/nix/guards.test.ts'];

export const nix = [
  {
    room: 'inputs',
    file: 'src/builder/nix/inputs.ts',
    tests: inputs,
    rows: [
      ['the owner is one of a forge', "!forgePath.test(owner ?? '') || ", ''],
      ['the repository is one of a forge', "!forgeName.test(repo ?? '') || ", ''],
      ['the commit is a hash', " || !commitHash.test(rev ?? '')", ''],
      ['they are not deep', "isDeeperThan(text, deepest) ? 'nested too deep' : parseJson(text)", 'parseJson(text)'],
      ['they are not long', 'if (JSON.stringify(inputs).length <= longestInputs) return inputs;', 'return inputs;'],
    ],
  },
  {
    room: 'facts',
    file: 'src/builder/nix/evaluate-images.ts',
    tests: ['test/builder/nix/evaluate-images.test.ts'],
    rows: [
      ['facts that fail are left out', 'if (named.length > 0) return named;', ''],
      [
        'what names no image is evaluated without facts',
        'error.traced === true || batch.length === 1 ? withFacts : []',
        '[]',
      ],
      ['that facts are not known is said', 'if (why !== undefined) options.warn', 'if (false) options.warn'],
    ],
  },
  {
    room: 'facts',
    file: 'src/core/facts-difference.ts',
    tests: ['test/core/facts-difference.test.ts'],
    rows: [
      [
        'unknown users are not taken for none',
        'if (before === undefined || after === undefined) return [];\n  const [old, now] = [byName(before), byName(after)]',
        'const [old, now] = [byName(before ?? []), byName(after ?? [])]',
      ],
      [
        'another key under a comment is told',
        'if (was.join() === is.join()) return [];',
        'if (was.length === is.length) return [];',
      ],
    ],
  },
  {
    room: 'facts',
    file: 'src/pipeline/review.ts',
    tests: ['test/pipeline/image-review.test.ts'],
    rows: [['a request teaches nothing of images that guests run', 'if (mayBeApplied) await', 'await']],
  },
  {
    room: 'facts',
    file: 'src/builder/nix/package-versions.ts',
    tests: ['test/builder/nix/package-versions.test.ts'],
    rows: [
      [
        'a download is no version of a package',
        ".toString('latin1'))) made.push",
        ".toString('latin1')) || true) made.push",
      ],
    ],
  },
  {
    room: 'hashes',
    file: 'src/builder/nix/process.ts',
    tests: sandbox,
    rows: [['a store path tells no hash', "without.replace(storePaths, '(not shown)')", 'without']],
  },
  {
    room: 'images',
    file: 'src/builder/nix/image-file.ts',
    tests: images,
    rows: [['the file of an image lies in it', 'if (picked !== image.storePath && ', 'if (false && ']],
  },
  {
    room: 'builds',
    file: 'src/config/setting.ts',
    tests: ['test/config/config.test.ts'],
    rows: [['a setting opens no sandbox', 'weakening.test(line)', 'false']],
  },
  {
    room: 'sandbox',
    file: 'src/builder/nix/sandbox.ts',
    tests: sandbox,
    rows: [
      ['an evaluation has no network', "'--unshare-net', ", ''],
      ['an evaluation sees no other process', "'--unshare-pid', ", ''],
      [
        'an evaluation sees its own mirror only',
        '...what.reads.map((path) => ({ path })),',
        '...what.reads.map((path) => ({ path: dirname(path) })),',
      ],
      [
        'an evaluation is nobody where the bot is root',
        "what.purpose !== 'fetch' && process.getuid?.() === 0 ? nobody : undefined",
        'undefined',
      ],
      ['an evaluation has no capability', "'--cap-drop', 'ALL'", "'--cap-add', 'ALL'"],
      ['an evaluation gains none', "'--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'", "'--inh-caps=-all'"],
      ['an evaluation writes nowhere', "'--remount-ro', '/', ", ''],
      ['a mount is read-only', "[writable === true ? '--bind' : '--ro-bind', from, path]", "['--bind', from, path]"],
      ['it ends with the bot', "'--die-with-parent',", ''],
      [
        'what a fetch reads, an evaluation does not',
        "...(what.purpose === 'fetch' ? found.forFetch : []),",
        '...found.forFetch,',
      ],
      [
        'an evaluation has no secret in its environment',
        "purpose === 'fetch' ? nixEnvironment(settings) : evaluationEnvironment(settings)",
        'nixEnvironment(settings)',
      ],
      [
        'an evaluation has no program that fetches',
        "...(purpose === 'evaluate' ? found.filter(covered).map((path) => ({ path, from: '/dev/null' })) : []),",
        '',
      ],
      [
        'an evaluation leaves nothing to the next one',
        "isEvaluation ? join(run, 'home') : join(settings.dir, what.purpose)",
        'join(settings.dir, what.purpose)',
      ],
      ['the caches of a builder are closed to others', 'await chmod(settings.dir, 0o700);', ''],
      ['without bubblewrap nothing is evaluated', 'if (bubblewrap === undefined) {', 'if (false) {'],
      ['a sandbox that cannot be made is an error', 'if (result.exitCode === 0) return;', 'return;'],
      ['the sandbox is on', 'if (!settings.evalSandbox) {\n    const store', 'if (true) {\n    const store'],
    ],
  },
  {
    room: 'sandbox',
    file: 'src/builder/nix/sandbox.ts',
    tests: sandbox,
    rows: [
      [
        'an input names no program as its transport',
        "GIT_ALLOW_PROTOCOL: purpose === 'fetch' ? 'http:https:ssh' : 'file',",
        '',
      ],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/settings.ts',
    tests: sandbox,
    rows: [['it has no token of the settings', '.filter(([key]) => !secretSettings.test(key))', '']],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/settings.ts',
    tests: args,
    rows: [
      ['it is pure', "...option('pure-eval', 'true'),", ''],
      [
        'a nixConfig does not count',
        "...option('pure-eval', 'true'),\n    ...option('accept-flake-config', 'false'),",
        "...option('pure-eval', 'true'),",
      ],
      [
        'it builds nothing',
        "...option('allow-import-from-derivation', String(settings.allowImportFromDerivation)),",
        '',
      ],
      ['it runs no native code', "...option('allow-unsafe-native-code-during-evaluation', 'false'),", ''],
      ['no registry counts', "...option('use-registries', 'false'),\n    ...option('flake-registry', ''),", ''],
      [
        'its environment is built from nothing',
        'PATH: settings.path,\n',
        '...process.env,\n    PATH: settings.path,\n',
      ],
      ["a person's settings do not count", "NIX_USER_CONF_FILES: '/dev/null',", ''],
      ['it downloads nothing', "...(offline ? ['--offline'] : []),", ''],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/process.ts',
    tests: ['test/builder/nix/process.test.ts'],
    rows: [
      ['its time is limited', "setTimeout(() => end('timeout'), limits.timeoutMs)", 'undefined'],
      [
        'what does not listen is killed',
        "killer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), settings.killAfterMs)",
        'killer ??= undefined',
      ],
      ['its children end with it', 'detached: true,', 'detached: false,'],
      ['its memory is limited', '|| ulimit -v "$2"', '|| true'],
      ['its processor time is limited', 'ulimit -t "$1"; ', ''],
      ['its output is limited', 'maxBuffer: { stdout: call.maxOutput ?? defaultMaxOutput },', ''],
      ['it inherits no environment', 'extendEnv: false,', 'extendEnv: true,'],
      ['it has nothing to read', "stdin: 'ignore',", "stdin: 'inherit',"],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/expression.ts',
    tests: ['test/builder/nix/expression.test.ts'],
    rows: [
      ['the folder of a flake stays inside', 'if (dir !== undefined && !dirPattern.test(dir)) {', 'if (false) {'],
      ['a name for an expression is one', 'if (!namePattern.test(name)) throw', 'if (false) throw'],
      [
        'a revision is a hash',
        "if (!revPattern.test(rev)) throw new Error('the rev of a source is no commit hash');",
        '',
      ],
      [
        'a ref is one of ours',
        "if (!refPattern.test(ref)) throw new Error('the ref of a source is no ref of ours');",
        '',
      ],
    ],
  },
  {
    room: 'texts for Nix',
    file: 'src/core/nix-text.ts',
    tests: ['test/core/nix-text.test.ts'],
    rows: [
      ['text never becomes code', ".replace(/[\"\\\\]|\\$(?=\\{)/g, '\\\\$&')", ''],
      ['a name never becomes code', ' && !keywords.includes(name)', ''],
      ['nothing printed moves a cursor', 'if (cleanText(text) === text) return', 'return'],
      ['a comment never becomes code', 'oneLine(text)', 'text'],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/evaluate-images.ts',
    tests: guards,
    rows: [
      ['an image is a derivation of the store', 'drv: z.string().regex(drvPathPattern),', 'drv: z.string(),'],
      ['an image has a path of the store', 'out: z.string().regex(storePathPattern),', 'out: z.string(),'],
      ['a strange image type is not asked for', 'wanted.filter(({ type }) => namePattern.test(type))', 'wanted'],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/evaluate.ts',
    tests: ['test/builder/nix/evaluate.test.ts'],
    rows: [['the commit that was asked for is the one evaluated', 'if (rev !== source.rev) throw', 'if (false) throw']],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/source-lines.ts',
    tests: ['test/builder/nix/source-lines.test.ts'],
    rows: [
      [
        'a line is looked for inside of the flake',
        'if (!path.startsWith(',
        'if (!file.startsWith(file) && !path.startsWith(',
      ],
    ],
  },
  {
    room: 'evaluation',
    file: 'src/builder/nix/sources.ts',
    tests: ['test/builder/nix/failure-kinds.test.ts'],
    rows: [['a password in an address is not told', ", '$1');\n  if (source", ", '$&');\n  if (source"]],
  },
  {
    room: 'settings',
    file: 'src/builder/nix/settings.ts',
    tests: args,
    rows: [
      ['a setting of Nix is one line', '/^[a-z][a-z0-9-]*$/.test(key) && !/[\\r\\n]/.test(value)', 'true'],
      [
        'an attribute is a path of names',
        'if (parts.every((part) => namePattern.test(part))) return parts;',
        'return parts;',
      ],
      [
        'import from derivation is off',
        'options.allowImportFromDerivation ?? false',
        'options.allowImportFromDerivation ?? true',
      ],
      ['the sandbox is on by itself', 'options.evalSandbox ?? true', 'options.evalSandbox ?? false'],
    ],
  },
  {
    room: 'egress',
    file: 'src/builder/nix/egress.ts',
    tests: egress,
    rows: [
      ['an address of the house is not reached', 'if (bad !== undefined) return { why:', 'if (false) return { why:'],
      ['every address of a name is checked', 'addresses.map(whyNotPublic)', 'addresses.slice(0, 1).map(whyNotPublic)'],
      [
        'the address that was checked is the one connected to',
        'connect({ host: address.ip, port,',
        'connect({ host, port,',
      ],
      ['an evaluation reaches named hosts only', 'if (!named && !policy.publicHosts)', 'if (false)'],
      ['a named host is reached at its usual ports', ' && usualPorts.includes(port)', ''],
      ['a tunnel ends with it', 'for (const client of open) client.destroy();', ''],
    ],
  },
  {
    room: 'inputs',
    file: 'src/builder/nix/inputs.ts',
    tests: inputs,
    rows: [
      [
        'a path of the machine is no input',
        "return \"is a path of the bot's machine, outside of the repository\";\n    case 'github':",
        "return undefined;\n    case 'github':",
      ],
      ['a folder of the repository has no way out', "&& !path.split('/').includes('..')", ''],
      ['an absolute path is outside', "&& !path.startsWith('/') ", ''],
      ['a file is no input', "if (scheme === undefined || scheme === 'file')", 'if (false)'],
      ['a transport is a known one', 'if (!known.includes(scheme)) return', 'if (false) return'],
      ['a forge is a host', 'if (host !== undefined && !/^[A-Za-z0-9.-]+(?::\\d+)?$/.test(host))', 'if (false)'],
      [
        'an input of a forge has a hash',
        "return narHash === undefined ? 'has no hash' : undefined;\n    case 'git':",
        "return undefined;\n    case 'git':",
      ],
      [
        'an input has a hash',
        "return narHash === undefined ? 'has no hash' : undefined;\n    }",
        'return undefined;\n    }',
      ],
      ['an unknown type is no input', 'return `is of the type ', 'return undefined && `is of the type '],
      ['inputs are counted', 'if (nodes.length > mostInputs) throw', 'if (false) throw'],
    ],
  },
  {
    room: 'build',
    file: 'src/builder/nix/settings.ts',
    tests: args,
    rows: [
      ['its sandbox is forced', "[...option('sandbox', 'true'), ...option('sandbox-fallback', 'false')]", '[]'],
      ['its sandbox has no fallback', ", ...option('sandbox-fallback', 'false')]", ']'],
      [
        "its flake's nixConfig does not count",
        "...option('accept-flake-config', 'false'),\n    ...sandboxArguments,",
        '...sandboxArguments,',
      ],
      ['its time is limited', "option('timeout', String(settings.buildTimeoutS))", '[]'],
    ],
  },
  {
    room: 'build',
    file: 'src/builder/nix/installation.ts',
    tests: ['test/builder/nix/probe.test.ts'],
    rows: [
      [
        'a builder may not leave the sandbox',
        "if (alone.ok && !outside.ok && outside.why.includes('__noChroot')) return;",
        'if (alone.ok) return;',
      ],
      [
        'a builder is alone',
        "if (alone.ok && !outside.ok && outside.why.includes('__noChroot')) return;",
        "if (!outside.ok && outside.why.includes('__noChroot')) return;",
      ],
    ],
  },
  {
    room: 'build',
    file: 'src/builder/nix/nix.ts',
    tests: ['test/builder/nix/probe.test.ts'],
    rows: [
      [
        'none begins before its sandbox was seen',
        'this.#boundary ??= checkBuildSandbox(this.#settings, this.#newId());',
        'this.#boundary ??= Promise.resolve();',
      ],
    ],
  },
  {
    room: 'build',
    file: 'src/builder/nix/build.ts',
    tests: ['test/builder/nix/nix.test.ts'],
    rows: [['what was built is what was planned', 'if (other === undefined) return;', 'return;']],
  },
  {
    room: 'image',
    file: 'src/builder/nix/image-file.ts',
    tests: images,
    rows: [
      ['no disk reads from a backing file', 'if (header.backingFile)', 'if (false)'],
      ['no disk keeps its data in another file', 'if (header.dataFile)', 'if (false)'],
      ['a disk is a qcow2 or a raw file', 'if (/\\.(?:img|raw)$/.test(path)) return size;', 'return size;'],
    ],
  },
  {
    room: 'image',
    file: 'src/builder/nix/store.ts',
    tests: images,
    rows: [
      ['a file outside of the store is refused', 'if (!/^\\/nix\\/store\\/[^/]+/.test(path))', 'if (false)'],
      ['a circle of links ends', 'links < 40', 'links < 40_000_000'],
    ],
  },
  {
    room: 'image',
    file: 'src/builder/nix/image-file.ts',
    tests: images,
    rows: [['an image is a file', 'if (!isFile) {', 'if (false) {']],
  },
  {
    room: 'image',
    file: 'src/builder/nix/image-file.ts',
    tests: images,
    rows: [
      ['a tarball is one by its first bytes', 'if (found === told) return;', 'return;'],
      ['a tarball is one by its name', 'if (told === undefined)', 'if (false)'],
    ],
  },
];
