import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FlakeEdit, flakePatch } from '../../src/core/flake-patch.ts';

const vms = `# The VMs.
{
  test-cp = {
    name = "test-cp";
    vm_id = 821; # of the control plane
    memory_mb = 2048;
    networks = [ { bridge = "vmbr0"; memory_mb = 1; } ];
  };

  "test.web" = {
    description = ''
      not a "string; }
    '';
    vm_id = 823;
    memory_mb = 1024;
  };
}
`;
const memory: FlakeEdit = { key: 'test-cp', vmid: 821, field: 'memory_mb', value: 4096 };

/** The text after git has applied the patch to a file of that text. */
async function applied(path: string, text: string, patch: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-patch-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, path), text);
  await writeFile(join(dir, 'accept.patch'), patch);
  await promisify(execFile)('git', ['apply', 'accept.patch'], { cwd: dir });
  return readFile(join(dir, path), 'utf8');
}

describe('a patch for the flake', () => {
  it('writes a value where it stands, and git applies it', async () => {
    const { text, left } = flakePatch([{ path: 'vms.nix', text: vms }], [memory]);
    expect(left).toEqual([]);
    expect(await applied('vms.nix', vms, text)).toBe(vms.replace('memory_mb = 2048;', 'memory_mb = 4096;'));
    expect(text.split('\n').filter((line) => /^[-+] /.test(line))).toEqual([
      '-    memory_mb = 2048;',
      '+    memory_mb = 4096;',
    ]);
  });

  it('adds a field that the entry leaves to its default, and takes several edits in one file', async () => {
    const onboot: FlakeEdit = { key: 'test.web', vmid: 823, field: 'onboot', value: false };
    const { text, left } = flakePatch([{ path: 'vms.nix', text: vms }], [memory, onboot]);
    expect(left).toEqual([]);
    expect(await applied('vms.nix', vms, text)).toBe(
      vms
        .replace('memory_mb = 2048;', 'memory_mb = 4096;')
        .replace('"test.web" = {\n', '"test.web" = {\n    onboot = false;\n'),
    );
  });

  it('fits a file without a line feed at its end, and one of a single line', async () => {
    const one = '{ proxnix.vms.test-cp = { vm_id = 821; memory_mb = 2048; }; }';
    const { text } = flakePatch([{ path: 'flake.nix', text: one }], [memory]);
    expect(await applied('flake.nix', one, text)).toBe(one.replace('2048', '4096'));
    const open = vms.trimEnd();
    const { text: other } = flakePatch([{ path: 'vms.nix', text: open }], [memory]);
    expect(await applied('vms.nix', open, other)).toBe(open.replace('memory_mb = 2048;', 'memory_mb = 4096;'));
  });

  it.each([
    ['is made by a function', '{ test-cp = guest 821 { memory_mb = 2048; }; }'],
    ['has another number', '{ test-cp = { vm_id = 822; memory_mb = 2048; }; }'],
    ['is not closed', '{ test-cp = { vm_id = 821; memory_mb = 2048; '],
    ['stands in a comment alone', '# test-cp = { vm_id = 821; memory_mb = 2048; };'],
    ['is not there', '{ }'],
    ['inherits the field', '{ test-cp = { vm_id = 821; inherit (small) cores memory_mb; }; }'],
    ['sets the field in parts', '{ test-cp = { vm_id = 821; memory_mb.least = 2048; }; }'],
    ['sets the field twice', '{ test-cp = { vm_id = 821; memory_mb = 1; memory_mb = 2; }; }'],
    ['is merged with another one', '{ test-cp = { vm_id = 821; memory_mb = 2048; } // big; }'],
    ['has the field set beside it', '{ test-cp = { vm_id = 821; }; test-cp.memory_mb = 2048; }'],
    ['stands in a string alone', '{ doc = "test-cp = { vm_id = 821; };"; }'],
  ])('leaves an entry alone that %s', (_, text) => {
    expect(flakePatch([{ path: 'vms.nix', text }], [memory])).toEqual({ text: '', left: [memory] });
  });

  it.each(['a\nb.nix', 'a\tb.nix'])(
    'leaves alone a file whose name would be more than a name in a patch: %j',
    (path) => {
      expect(flakePatch([{ path, text: vms }], [memory])).toEqual({ text: '', left: [memory] });
    },
  );

  it('leaves alone what stands twice', () => {
    const files = ['a.nix', 'b.nix'].map((path) => ({ path, text: vms }));
    expect(flakePatch(files, [memory])).toEqual({ text: '', left: [memory] });
  });

  it.each([
    ['a let', 'let half = 1024; in half * 2'],
    ['a with', 'with sizes; large'],
    ['an assert', 'assert 1 < 2; with { a = 1; }; a'],
    ['a list', '(head [ 1 (let a = 2; in a) ])'],
  ])('writes over the whole of %s', (_, value) => {
    const before = `{ test-cp = { image = let memory_mb = 1; in memory_mb; vm_id = 821; memory_mb = ${value}; }; }`;
    const { text } = flakePatch([{ path: 'vms.nix', text: before }], [memory]);
    expect(text).toContain(
      '+{ test-cp = { image = let memory_mb = 1; in memory_mb; vm_id = 821; memory_mb = 4096; }; }',
    );
  });

  it.each([
    ['braces in the code of a string', `"\${if a then "}" else "{"}"`],
    ['braces in the code of an indented string', `''\${if a then ''}'' else "{"} ''`],
    ['escapes of an indented string', "'' ''' memory_mb = 1; ''$ ''\\'' } ''"],
    ['a dollar at the end of a string', "''a $''"],
    ['a name with quotes', "a''"],
    ['words in names', '[ ./let "in" x.y-with ]'],
  ])('is not misled by %s', (_, value) => {
    const before = `{ test-cp = { description = ${value}; vm_id = 821; memory_mb = 2048; }; }`;
    const { text, left } = flakePatch([{ path: 'vms.nix', text: before }], [memory]);
    expect(left).toEqual([]);
    expect(text).toContain(`+${before.replace('memory_mb = 2048', 'memory_mb = 4096')}`);
  });

  it('takes time that grows with the length of the text only', () => {
    const long = `{ test-cp = { vm_id = 821; ${'"'.repeat(1_000_001)} `;
    expect(flakePatch([{ path: 'vms.nix', text: long }], [memory]).left).toEqual([memory]);
    const nested = '{ a = '.concat('"${'.repeat(100_000));
    expect(flakePatch([{ path: 'vms.nix', text: nested }], [memory]).left).toEqual([memory]);
  });
});
