// Proxmox: never another server, never another guest, never a write twice, never more than was approved.
const contract = ['test/cluster/proxmox/proxmox.test.ts'];
const client = ['test/cluster/proxmox/client.test.ts'];
const trouble = ['test/cluster/proxmox/trouble.test.ts'];
const containers = ['test/cluster/proxmox/containers.test.ts'];
const lost = ['test/cluster/proxmox/lost-answers.test.ts'];
const steps = 'src/cluster/proxmox/steps';

export const cluster = [
  {
    room: 'proxmox room',
    file: 'src/cluster/proxmox/steps/create.ts',
    tests: trouble,
    rows: [['a move without room leaves the guest as it was', '  await checkComingMove(api, step, config);\n', '']],
  },
  {
    room: 'proxmox state',
    file: 'src/cluster/proxmox/state.ts',
    tests: ['test/cluster/proxmox/state.test.ts'],
    rows: [['a VMID that the token cannot see is taken', '...(hidden.length === 0 ? {} : { hidden }),', '']],
  },
  {
    room: 'proxmox client',
    file: 'src/cluster/proxmox/client.ts',
    tests: client,
    rows: [
      ['a redirect gets no token', "redirect: 'manual'", "redirect: 'follow'"],
      [
        'a page in front of Proxmox is no answer of it',
        "!isFromProxmox(answer, headers.get('content-type') ?? '')",
        'false',
      ],
      [
        'a write that may have happened is not sent again',
        'if (attempt === 3 || !neverHappened(error)) throw error;',
        'if (attempt === 3) throw error;',
      ],
      ['a lost answer may have happened', 'return !error.reached;', 'return true;'],
      ['an answer of another form is an error', 'if (result.success) return result.data;', 'return data;'],
      [
        'an answer comes in time',
        'const signal = AbortSignal.timeout(this.#options.requestMs);',
        'const signal = undefined;',
      ],
      [
        'the token is in no error',
        'new ProxmoxError(call,',
        'new ProxmoxError({ ...call, path: call.path + this.#authorization },',
      ],
    ],
  },
  {
    room: 'proxmox client',
    file: 'src/cluster/proxmox/client.ts',
    tests: ['test/cluster/proxmox/client.test.ts'],
    rows: [
      ['another certificate gets no byte', 'if (!this.#pins.has(seen)) {', 'if (false) {'],
      [
        'a pinned connection with a CA is verified',
        '...(ca === undefined ? { rejectUnauthorized: false } : { ca }),',
        '...{ rejectUnauthorized: false },',
      ],
      ['each connection shows its certificate anew', 'maxCachedSessions: 0,', ''],
      ['nothing goes out unencrypted', 'if (!isLoopback(url.hostname)) {', 'if (false) {'],
    ],
  },
  {
    room: 'proxmox guard',
    file: 'src/cluster/proxmox/config.ts',
    tests: contract,
    rows: [
      [
        'another machine under the VMID is not touched',
        "if ((identityOf(config) ?? '') === precondition.uuid) return;",
        'return;',
      ],
      ['a guest without our tag is not touched', 'if (!readTags(tagsOf(config)).ours) {', 'if (false) {'],
      ['a guest that was changed is not touched', 'if (config.digest === precondition.digest) return;', 'return;'],
    ],
  },
  {
    room: 'proxmox guard',
    file: 'src/cluster/proxmox/config.ts',
    tests: trouble,
    rows: [['a locked guest is waited for', 'if (lock === undefined) return config;', 'return config;']],
  },
  {
    room: 'proxmox guard',
    file: 'src/cluster/proxmox/proxmox.ts',
    tests: ['test/cluster/proxmox/steps/index.test.ts'],
    rows: [
      [
        'names of a flake are checked before a step',
        "validateNames(step.node, 'guest' in step ? step.guest : undefined);",
        '',
      ],
      ['a step has the guard of its own guest', 'if (guestPath(precondition) !== guestPath(step)) {', 'if (false) {'],
    ],
  },
  {
    room: 'proxmox guard',
    file: 'src/cluster/proxmox/proxmox.ts',
    tests: trouble,
    rows: [['a task that still runs is waited for', 'await waitForActive(api, step.node, isOf(step.vmid));', '']],
  },
  {
    room: 'proxmox words',
    file: 'src/cluster/proxmox/settings.ts',
    tests: ['test/cluster/proxmox/settings.test.ts'],
    rows: [
      ['a storage cannot leave its property', "check('name of a storage', guest.storage);", ''],
      ['a node cannot leave its path', "check('name of a node', node);", ''],
      ['an address cannot leave its property', "check: (ip) => check('address of a container', ip),", ''],
      ['a gateway cannot leave its property', "check: (gateway) => check('address of a gateway', gateway),", ''],
      ['a feature cannot bring another', "for (const name of names) check('name of a feature', name);", ''],
      ['a disk slot is one', "check('name of a disk slot', guest.diskSlot);", ''],
      ['a controller is one', ", check: (name) => check('name of a SCSI controller', name)", ''],
    ],
  },
  {
    room: 'proxmox words',
    file: 'src/cluster/proxmox/cards.ts',
    tests: ['test/cluster/proxmox/settings.test.ts'],
    rows: [['a bridge cannot leave its property', "if (bridge !== '') check('name of a bridge', bridge);", '']],
  },
  {
    room: 'proxmox words',
    file: 'src/cluster/proxmox/cloud-init.ts',
    tests: ['test/cluster/proxmox/settings.test.ts'],
    rows: [['a cloud-init storage cannot leave its property', "check('name of a storage', drive.storage);", '']],
  },
  {
    room: 'proxmox writes',
    file: 'src/cluster/proxmox/writes.ts',
    tests: lost,
    rows: [
      [
        'a write carries the digest it is based on',
        "{ delete: remove.join(',') }), digest };",
        "{ delete: remove.join(',') }) };",
      ],
      ['a write whose answer was lost is not repeated over another', 'if (config?.digest !== digest) throw error;', ''],
      [
        'a task whose answer was lost is not begun again',
        'if (upid !== undefined) return upid;\n    const why',
        'if (upid !== undefined) return upid;\n    return begin(api, call);\n    const why',
      ],
      ['a known task is not that of a lost answer', '.filter(({ upid }) => !api.seenUpids.has(upid))', ''],
    ],
  },
  {
    room: 'proxmox writes',
    file: 'src/cluster/proxmox/errors.ts',
    tests: ['test/cluster/proxmox/errors.test.ts', ...trouble],
    rows: [
      [
        'only a write that did not happen is sent again',
        "return /can't lock file .{0,500} got timeout|(?:VM|CT) is locked \\(|got no worker upid/.test(text);",
        'return true;',
      ],
    ],
  },
  {
    room: 'proxmox writes',
    file: `${steps}/staging.ts`,
    tests: lost,
    rows: [['attach carries the digest', "'target-digest': config.digest,", '']],
  },
  {
    room: 'proxmox writes',
    file: `${steps}/root-disk.ts`,
    tests: lost,
    rows: [
      ['move-disk carries the digest', 'storage, delete: 1, digest: config.digest', 'storage, delete: 1'],
      ['resize carries the digest', 'G`, digest: config.digest };', 'G` };'],
    ],
  },
  {
    room: 'destroy',
    file: `${steps}/destroy.ts`,
    tests: trouble,
    rows: [
      [
        'a guest that is cut off is discarded unchanged only',
        'if (await isCreateInterruptedNow(api, step, config)) checkUnchanged(step, precondition, config);',
        'if (await isCreateInterruptedNow(api, step, config));',
      ],
    ],
  },
  {
    room: 'destroy',
    file: `${steps}/destroy.ts`,
    tests: ['test/cluster/proxmox/steps/destroy.test.ts'],
    rows: [
      [
        'disks that no configuration names stay',
        'await deleteGuest(api, step, { unreferenced: false }, monitor);',
        'await deleteGuest(api, step, { unreferenced: true }, monitor);',
      ],
      ['it is the same machine after the stop', 'checkIdentity(step, precondition, config);', ''],
      [
        'it is unprotected after the stop',
        '  checkIdentity(step, precondition, config);\n  refuseProtected(step, config);',
        '  checkIdentity(step, precondition, config);',
      ],
    ],
  },
  {
    room: 'destroy',
    file: `${steps}/destroy.ts`,
    tests: contract,
    rows: [
      [
        'a protected guest is not stopped',
        'refuseProtected(step, await checkGuest(api, step, precondition));',
        'await checkGuest(api, step, precondition);',
      ],
      [
        'only what is half made is discarded',
        'if (pending && imageHash === undefined && Object.keys(unused).length === 0 && Object.keys(disks).length <= 1) return;',
        'return;',
      ],
    ],
  },
  {
    room: 'destroy',
    file: `${steps}/destroy.ts`,
    tests: ['test/cluster/proxmox/nodes.test.ts', ...contract],
    rows: [['a guest on another node is not gone', 'if (await isFree(api, at.vmid)) return;', 'return;']],
  },
  {
    room: 'create',
    file: `${steps}/create.ts`,
    tests: [...contract, ...containers],
    rows: [
      [
        'the VMID of somebody else is refused',
        'if (config !== undefined && (await isCreateInterruptedNow(api, at, config))) return;',
        'return;',
      ],
      [
        'what a root needs is checked first',
        'const image = await checkImport(api, step.node, guest);',
        "const image = 'local:import/x.qcow2';",
      ],
    ],
  },
  {
    room: 'create',
    file: 'src/cluster/proxmox/markers.ts',
    tests: containers,
    rows: [
      [
        'a container that runs was started by somebody',
        "at.guestKind === 'vm' || !(await powerOf(api, at)).running",
        'true',
      ],
    ],
  },
  {
    room: 'create',
    file: 'src/cluster/proxmox/markers.ts',
    tests: [...containers, 'test/cluster/proxmox/markers.test.ts'],
    rows: [
      ['a guest with more disks is not half made', 'more.length + Object.keys(unused).length === 0 && ', ''],
      [
        'a volume of another guest is not ours',
        'return new RegExp(`[:/](?:vm|base|subvol)-',
        'return true || new RegExp(`[:/](?:vm|base|subvol)-',
      ],
    ],
  },
  {
    room: 'adopt',
    file: `${steps}/create.ts`,
    tests: ['test/cluster/proxmox/steps/configure.test.ts'],
    rows: [['a template is not taken over', " || config.values['template'] === '1') {", ') {']],
  },
  {
    room: 'adopt',
    file: `${steps}/create.ts`,
    tests: contract,
    rows: [
      ['a protected guest is not taken over', 'toLiveConfig(config).protected || ', ''],
      [
        'a guest that was changed is not taken over',
        'const config = await checkForeign(api, step, precondition);',
        "const config = await (await import('../config.ts')).readConfig(api, step);",
      ],
    ],
  },
  {
    room: 'disks',
    file: `${steps}/destroy.ts`,
    tests: [...containers, ...contract],
    rows: [
      ['a disk in use is not deleted', 'if (attached !== undefined) {', 'if (false) {'],
      ['nor one that waits for a restart', 'return [values, current].some(', 'return [current].some('],
      ['nor one that runs until a restart', 'return [values, current].some(', 'return [values].some('],
    ],
  },
  {
    room: 'disks',
    file: `${steps}/root-disk.ts`,
    tests: ['test/pipeline/old-disks.test.ts'],
    rows: [
      [
        'a root disk outside the boot order is not pulled out of a running VM',
        'if (isGuarded || config.values[slot] === undefined) return write(config);',
        'return write(config);',
      ],
    ],
  },
  {
    room: 'disks',
    file: `${steps}/root-disk.ts`,
    tests: containers,
    rows: [['a root is a volume of its own container', 'if (isOwnVolume(at.vmid, volid)) return;', 'return;']],
  },
  {
    room: 'disks',
    file: `${steps}/root-disk.ts`,
    tests: contract,
    rows: [
      [
        'a disk that is not with the guest is not swapped in',
        'if (!isThere && unusedKeyOf(config.values, volid) === undefined) {',
        'if (false) {',
      ],
      ['without a new disk nothing is swapped', 'if (volid === undefined) {', 'if (false) {'],
    ],
  },
  {
    room: 'disks',
    file: `${steps}/root-disk.ts`,
    tests: contract,
    rows: [
      [
        'a disk that is gone is not swapped back',
        'if (unusedKeyOf(config.values, step.volid) === undefined) {',
        'if (false) {',
      ],
    ],
  },
  ...[
    ['create', 'configure', 'const changes = differences('],
    ['root-disk', 'swap', 'const slot = step.guest.diskSlot;\n  const volid'],
    ['staging', 'attach', 'const staging = await findStaging(api, step);'],
    ['power', 'restart', 'if (config.pending.length'],
  ].map(([file, step, next]) => ({
    room: 'guard of a step',
    file: `${steps}/${file}.ts`,
    tests: contract,
    rows: [
      [
        `${step} begins with reading the guest`,
        `await checkGuest(api, step, precondition);\n  ${next}`,
        `await (await import('../config.ts')).readConfig(api, step);\n  ${next}`,
      ],
    ],
  })),
  {
    room: 'staging',
    file: 'src/cluster/proxmox/steps/staging.ts',
    tests: ['test/cluster/proxmox/steps/staging.test.ts'],
    rows: [
      [
        'only a staging guest of ours is deleted',
        'if (config === undefined || !isStagingOf(ownerVmid, config)) return;',
        'if (config === undefined) return;',
      ],
    ],
  },
  {
    room: 'staging',
    file: 'src/cluster/proxmox/steps/staging.ts',
    tests: [...trouble, ...containers],
    rows: [
      [
        'only a staging guest of ours is found',
        'if (config !== undefined && isStagingOf(owner.vmid, config)) return { ...at, config };',
        'if (config !== undefined) return { ...at, config };',
      ],
    ],
  },
  {
    room: 'staging',
    file: `${steps}/staging.ts`,
    tests: ['test/cluster/proxmox/steps/destroy.test.ts'],
    rows: [['the attached disk is not looked for', '{ unreferenced: false }', '{ unreferenced: true }']],
  },
  {
    room: 'images',
    file: 'src/cluster/proxmox/images.ts',
    tests: ['test/cluster/proxmox/upload.test.ts'],
    rows: [
      ['a file that is there is not overwritten', 'if (image.size === file.size) return true;', 'return true;'],
      ['a built file that changed is not sent', 'if (size === file.size) return;', 'return;'],
      [
        'a token that may not upload sends nothing',
        "if (granted['Datastore.AllocateTemplate'] === undefined) {",
        'if (false) {',
      ],
      [
        'a full storage gets no upload',
        'if (status.avail !== undefined && status.avail < file.size) {',
        'if (false) {',
      ],
      ['a storage gets what it takes', "if (!status.content.split(',').includes(content)) {", 'if (false) {'],
    ],
  },
  {
    room: 'images',
    file: 'src/cluster/proxmox/storage.ts',
    tests: [...trouble, ...contract],
    rows: [
      ['an image larger than its disk is refused', 'if (bytes <= guest.diskGb * 2 ** 30) return;', 'return;'],
      ['a full storage gets no disk', 'if (status.avail !== undefined && status.avail < needed) {', 'if (false) {'],
    ],
  },
  {
    room: 'images',
    file: 'src/cluster/proxmox/images.ts',
    tests: ['test/cluster/proxmox/images.test.ts'],
    rows: [
      [
        'only images of ours are collected',
        'const hash = ours.exec(volid)?.[1];',
        "const hash = ours.exec(volid)?.[1] ?? '0'.repeat(32);",
      ],
    ],
  },
  {
    room: 'state',
    file: 'src/cluster/proxmox/config.ts',
    tests: ['test/cluster/proxmox/config.test.ts'],
    rows: [
      [
        'a guest that may not be seen is not gone',
        'if (hidden && (await isFree(api, at.vmid))) return undefined;',
        'if (hidden) return undefined;',
      ],
    ],
  },
  {
    room: 'state',
    file: 'src/cluster/proxmox/api.ts',
    tests: ['test/cluster/proxmox/api.test.ts'],
    rows: [
      [
        'a guest that does not parse is not left out',
        "typeof entry.type === 'string' && !['qemu', 'lxc', 'node', 'storage'].includes(entry.type)",
        '!KnownResource.safeParse(entry).success',
      ],
    ],
  },
  {
    room: 'state',
    file: 'src/cluster/proxmox/state.ts',
    tests: ['test/cluster/proxmox/nodes.test.ts'],
    rows: [
      [
        'guests of a node that is down are unknown, not gone',
        "return { ...guest, status: 'unknown' };",
        "return 'moved';",
      ],
    ],
  },
];
