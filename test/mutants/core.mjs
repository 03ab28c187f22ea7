// The plan: what is never touched, and what is refused before anything is.
const blocked = ['test/core/block.test.ts', 'test/core/plan.container.test.ts', 'test/core/plan.test.ts'];
const identity = ['test/core/goal.test.ts', ...blocked];

export const core = [
  {
    room: 'room',
    file: 'src/core/room.ts',
    tests: ['test/core/room.test.ts'],
    rows: [
      ['a disk that does not fit is blocked', 'if (free >= bytes) return undefined;', 'return undefined;'],
      ['the room of a plan is given once', 'left = withDisk(', 'withDisk('],
      [
        'a storage that hands no disk on takes no replacement',
        "if (work === 'swap' && facts.noSwap !== undefined) return facts.noSwap;",
        '',
      ],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/block.ts',
    tests: blocked,
    rows: [
      ['an image that makes no guest is not built', 'if (!isWrong) return undefined;', 'return undefined;'],
      [
        'a guest that HA manages is not stopped',
        'if (live.haState !== undefined && changesPower(change)) {',
        'if (false) {',
      ],
      [
        'a protected guest is not changed',
        'if (live.config.protected) return protectedAdvice({ guestKind: live.kind, vmid });',
        '',
      ],
      [
        'the protection of the flake counts',
        'return onlyProtects ? undefined : `The',
        'return true ? undefined : `The',
      ],
      [
        'a template is not touched',
        "if (live.template) return { reason: 'template', advice: `$" + '{label}',
        "if (false) return { reason: 'template', advice: `$" + '{label}',
      ],
      [
        'a locked guest is not touched',
        "if (live.lock !== undefined) {\n    return { reason: 'locked', advice: lockedAdvice(",
        "if (false) {\n    return { reason: 'locked', advice: lockedAdvice(",
      ],
      ['a disk is not shrunk', 'if (larger !== undefined) {', 'if (false) {'],
      ['a guest on another node is not moved', "if (guest !== undefined && differs(change, 'node')) {", 'if (false) {'],
      [
        'a guest without its root disk is not changed',
        'if (guest !== undefined && !hasRootDisk(guest, live) && !madeAnew) {',
        'if (false) {',
      ],
      ['a VM is not a container', 'if (live.kind !== guest.kind) {', 'if (false) {'],
      ['a guest that is not ours is not touched', 'if (!ours && !isCreateInterrupted(live)) {', 'if (false) {'],
      [
        'a guest of another fleet is not touched',
        'if (fleet !== undefined && fleet !== goal.fleet.toLowerCase()) {',
        'if (false) {',
      ],
      [
        'a container without identity is not touched',
        "if (live.kind === 'container' && live.config.uuid === undefined && change.action !== 'clean-up') {",
        'if (false) {',
      ],
      ["a container that is being made is nobody's", "if (!ours && live.lock === 'create') {", 'if (false) {'],
      ['a guest of no fleet is adopted first', '!sameName(guest, live) &&', 'false &&'],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/goal.ts',
    tests: identity,
    rows: [
      ['only what carries our tag is ours', 'if (!ours) return false;', ''],
      ['a guest of another fleet is not ours', 'fleet === goal.fleet.toLowerCase()', 'true'],
      ['a guest without a fleet is of the only one', 'goal.fleetTag === undefined :', 'true :'],
      [
        "a machine with a mark in its description is somebody's",
        "return kind === 'vm' ? hasNoDisks(config) : status !== 'running' && hasOnlyRoot(config);",
        'return true;',
      ],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/tags.ts',
    tests: ['test/core/markers.test.ts', 'test/core/desired.test.ts', ...blocked],
    rows: [
      ['a guest with tags is not being made', 'tags.length === 0 && ', ''],
      ['no flake writes a mark', 'return stagingOwner(description) !== undefined || ', 'return false && '],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/block.ts',
    tests: ['test/core/plan.test.ts'],
    rows: [
      [
        'a guest of another fleet is not adopted',
        'if (fleet !== undefined && fleet !== owner.fleet.toLowerCase()) {',
        'if (false) {',
      ],
      ['a protected guest is not adopted', 'if (config.protected) return', 'if (false) return'],
      ['a guest that the flake protects is not adopted', 'if (guest.protected) {', 'if (false) {'],
      ['a template is not adopted', 'if (live.template)\n', 'if (false)\n'],
      ['a machine without identity is not adopted', 'if (config.uuid === undefined) {', 'if (false) {'],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/plan.ts',
    tests: ['test/core/plan.test.ts'],
    rows: [
      [
        'an approval is for the live state',
        'digest: hash({ wanted, commit: commit.sha, basis, said }),',
        'digest: hash({ wanted, commit: commit.sha, said }),',
      ],
      [
        'an approval is for the commit',
        'digest: hash({ wanted, commit: commit.sha, basis, said }),',
        'digest: hash({ wanted, basis, said }),',
      ],
    ],
  },
  {
    room: 'images',
    file: 'src/pipeline/garbage-collection.ts',
    tests: ['test/pipeline/rollback.test.ts'],
    rows: [
      ['the files of another bot are not collected', '!uploaded.has(image.hash) || ', ''],
      ['images in use are not collected', ' || used.has(image.hash)) continue;', ') continue;'],
    ],
  },
  {
    room: 'drift',
    file: 'src/core/plan.ts',
    tests: ['test/pipeline/drift-check.test.ts'],
    rows: [
      ['nothing is proposed that the head does not want', 'if (head === undefined) return changes;', 'return changes;'],
      [
        'a value of the head is not put back',
        ' && change.fields.every((one) => brings.get(nameOf(one)) === one.to)',
        '',
      ],
      ['an image of the head is not put back', 'return sameImage && ', 'return '],
    ],
  },
  {
    room: 'drift',
    file: 'src/pipeline/drift-check.ts',
    tests: ['test/pipeline/drift-check.test.ts'],
    rows: [
      ['the head is no rollback that was rejected', ' || !isNamed(run);', ' || true;'],
      ['a rollback that was applied is the head', "return run.phase === 'applied' || ", 'return '],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/fit.ts',
    tests: ['test/core/plan.test.ts', 'test/core/fit.test.ts'],
    rows: [
      [
        'a VM does not get more CPUs than its node has',
        '(startsAnew(change) && cpuBlock(change.guest, node))',
        'false',
      ],
      [
        'a guest does not get more memory than its node has',
        "(sets(change, 'memory') && memoryBlock(change.guest, node))",
        'false',
      ],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/room.ts',
    tests: ['test/core/fit.test.ts'],
    rows: [['a thin storage that is full takes no disk', 'return thin?.free === 0 ? 0 : free;', 'return free;']],
  },
  {
    room: 'plan',
    file: 'src/core/retained-disks.ts',
    tests: ['test/core/retained-disks.test.ts'],
    rows: [
      ['a disk of another machine is not freed', 'disk.uuid === guest.config?.uuid &&', ''],
      ['a disk in use is not freed', 'unused.includes(disk.volid) &&', ''],
      ['a disk is kept for the rollback window', 'disk.since + windowMs <= now', 'true'],
    ],
  },
  {
    room: 'plan',
    file: 'src/core/retained-disks.ts',
    tests: ['test/core/retained-disks.test.ts'],
    rows: [
      ['a disk of another machine is not rolled back to', 'disk.uuid === live.config.uuid &&', ''],
      ['a disk that is gone is not rolled back to', 'there.has(disk.volid) &&', ''],
      ['a disk on which the guest was unhealthy is not offered', 'disk.unhealthy === undefined &&', ''],
    ],
  },
  {
    room: 'flake',
    file: 'src/core/desired.ts',
    tests: ['test/core/desired.test.ts'],
    rows: [
      ['no two guests have one VMID or name', 'problems.push(...duplicates(guests));', ''],
      ['no two guests have one VMID', '(guest) => String(guest.vmid),', '(guest) => guest.key,'],
      ['no two guests have one name', '(guest) => guest.name.toLowerCase(),', '(guest) => guest.key,'],
      ['a flake without vms is an error', 'if (vms === undefined && containers === undefined) {', 'if (false) {'],
    ],
  },
  {
    room: 'flake',
    file: 'src/core/desired.ts',
    tests: ['test/core/desired.test.ts'],
    rows: [['an unknown field of a guest is an error', 'return z.strictObject(', 'return z.object(']],
  },
  {
    room: 'flake',
    file: 'src/core/health.ts',
    tests: ['test/core/desired.test.ts'],
    rows: [['a health URL is of the web', '{ protocol: /^https?$/, error', '{ error']],
  },
  {
    room: 'flake',
    file: 'src/core/forms.ts',
    tests: ['test/core/desired.test.ts'],
    rows: [
      [
        'a storage, bridge or node is a plain name',
        ".regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a plain name (letters, digits, . _ -)')",
        '',
      ],
      [
        'a guest has a DNS name',
        '(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i',
        '/i',
      ],
      [
        'an image type is a name',
        ".regex(/^[A-Za-z_][A-Za-z0-9_'-]{0,62}$/, 'must be the name of a nixosConfigurations entry')",
        '',
      ],
      ['a VMID is one', 'z.int().min(100)', 'z.int().min(0)'],
      [
        'a disk slot is one',
        ".regex(/^(?:scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|sata[0-5])$/, 'must be a disk slot such as scsi0')",
        '',
      ],
      [
        'a container gets no feature but nesting',
        ".refine((names) => names.every((name) => name === 'nesting'), onlyNesting)",
        '',
      ],
    ],
  },
  {
    room: 'tags',
    file: 'src/core/tags.ts',
    tests: ['test/core/tags.test.ts'],
    rows: [
      ['tags of others stay', '...tags.foreign,', ''],
      ['a hash in a tag is one of Nix', '/^nix-([0-9a-df-np-sv-z]{32})$/', '/^nix-(.+)$/'],
    ],
  },
  {
    room: 'apply',
    file: 'src/pipeline/step-runner.ts',
    tests: ['test/pipeline/failures.test.ts', 'test/pipeline/deploy.test.ts'],
    rows: [['what was built is what was approved', 'if (file === undefined) {', 'if (false) {']],
  },
  {
    room: 'apply',
    file: 'src/pipeline/apply-run.ts',
    tests: ['test/pipeline/lock.test.ts', 'test/pipeline/drift.test.ts'],
    rows: [
      ['a lock holds an approved run back', 'if (store.fleet(fleet.name).lock !== undefined) return;', ''],
      [
        'a lock that comes meanwhile holds it back too',
        "now.phase !== 'queued' || store.fleet(fleet.name).lock !== undefined",
        "now.phase !== 'queued'",
      ],
      [
        'the cluster is read before an apply',
        'const changed = await planAgain(fleet, run, clock);',
        'const changed = undefined;',
      ],
    ],
  },
];
