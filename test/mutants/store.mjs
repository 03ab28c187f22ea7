// What the bot keeps: one bot at a time, nothing lost, nothing changed unseen.
export const store = [
  {
    room: 'store',
    file: 'src/store/files.ts',
    tests: ['test/store/files.test.ts'],
    rows: [
      ['others cannot read it', "open(temporary, 'w', 0o600)", "open(temporary, 'w')"],
      ['an old copy is not replaced', ', constants.COPYFILE_EXCL', ''],
    ],
  },
  {
    room: 'store',
    file: 'src/store/files.ts',
    tests: ['test/store/durability.test.ts'],
    rows: [
      [
        'a file is on disk before it is renamed',
        'await handle.writeFile(text);\n    await handle.sync();',
        'await handle.writeFile(text);',
      ],
      ['a rename is on disk', 'await sync(path.dirname(file));', ''],
    ],
  },
  {
    room: 'store',
    file: 'src/store/instance-lock.ts',
    tests: ['test/store/instance-lock.test.ts'],
    rows: [
      ['two bots do not share it', 'if (!isFree || (await isAlive(holder))) throw inUse(file, holder);', ''],
      ['the kernel knows who holds it', 'if (!isFree || ', 'if ('],
      ['an older bot holds it too', ' || (await isAlive(holder))', ''],
    ],
  },
  {
    room: 'store',
    file: 'src/store/lowdb.ts',
    tests: ['test/store/damaged.test.ts', 'test/store/lowdb.test.ts'],
    rows: [['what is damaged is set aside first', 'await copyDurably(this.#file, file);', '']],
  },
  {
    room: 'store',
    file: 'src/store/schema.ts',
    tests: ['test/store/lowdb.test.ts', 'test/fakes/store.test.ts'],
    rows: [['a fleet may be named as what every object knows', 'Object.hasOwn(data.fleets, name) ?', 'true ?']],
  },
  {
    room: 'audit',
    file: 'src/store/audit.ts',
    tests: ['test/store/audit.test.ts'],
    rows: [
      ['a changed line shows', 'read.hash !== chain(before, read.entry)', 'false'],
      [
        'a line that was cut off goes',
        'if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole));',
        '',
      ],
    ],
  },
  {
    room: 'audit',
    file: 'src/store/audit.ts',
    tests: ['test/store/durability.test.ts'],
    rows: [['a line is on disk before it counts', '      await handle.sync();\n', '']],
  },
];
