import { UserError } from '../core/errors.ts';
import { editEntry, type NixValue, removeEntry, setValue } from './entries.ts';
import { commitFiles, firstFiles, readSample, type SampleRepository } from './repository.ts';
import { containerFiles, declarationOf, type SampleGuest } from './sample-files.ts';

/** The result of every edit: the hash of the pushed commit. */
type Pushed = Promise<string>;

/** Another release of one image: its guest gets a new root disk, no other. */
export async function editImage(repository: SampleRepository, guest: SampleGuest): Pushed {
  const { path, text } = await readImage(repository, guest);
  return commitFiles(repository, `Update the image of test-${guest}`, { [path]: nextRelease(text) });
}

/** The text of an image's file with the next release. */
export function nextRelease(text: string): string {
  return text.replace(/release = (\d+);/, (_, release: string) => `release = ${Number(release) + 1};`);
}

/** Another version of a package: an image with it inside, made anew. */
export function bumpPackage(repository: SampleRepository, guest: SampleGuest): Pushed {
  return editInside(repository, guest, `Update openssl of test-${guest}`, withPackage);
}

/** A port that the firewall opens. */
export function openPort(repository: SampleRepository, guest: SampleGuest): Pushed {
  return editInside(repository, guest, `Open port 8080 of test-${guest}`, withPort);
}

/** Somebody who has a key may become root. */
export function addAdmin(repository: SampleRepository, guest: SampleGuest): Pushed {
  return editInside(repository, guest, `Let ops administer test-${guest}`, withAdmin);
}

/** A package, a port, an administrator and another storage in one commit. */
export async function manyChanges(repository: SampleRepository, guest: SampleGuest, storage: string): Pushed {
  const { path, text } = await readImage(repository, guest);
  const declaration = declarationOf(guest);
  const moved = editEntry(await readDeclared(repository, guest, declaration), `test-${guest}`, (entry) =>
    setValue(entry, 'storage_location', storage),
  );
  if (moved === undefined) throw undeclared(guest);
  const files = { [path]: withAdmin(withPort(withPackage(text))), [declaration]: moved };
  return commitFiles(repository, `Update, open and move test-${guest}`, files);
}

/** The text of an image's file with a newer openssl. */
export function withPackage(text: string): string {
  return text.replace('openssl = "3.0.13";', 'openssl = "3.0.14";');
}

/** The text of an image's file with an open port more. */
export function withPort(text: string): string {
  return text.replace(/ports = \[(?!.* 8080 ).* (?=\];)/, (ports) => `${ports}8080 `);
}

/** The text of an image's file with an administrator more. */
export function withAdmin(text: string): string {
  return text.replace('admins = [ "ada" ];', 'admins = [ "ada" "ops" ];');
}

async function editInside(
  repository: SampleRepository,
  guest: SampleGuest,
  message: string,
  edit: (text: string) => string,
): Pushed {
  const { path, text } = await readImage(repository, guest);
  return commitFiles(repository, message, { [path]: edit(text) });
}

/** The image's root file system fails to build, with a log. */
export async function breakImage(repository: SampleRepository, guest: SampleGuest): Pushed {
  const { path, text } = await readImage(repository, guest);
  return commitFiles(repository, `Check the configuration of test-${guest}`, { [path]: brokenBuild(text) });
}

/** The text of an image's file with a check that fails. */
export function brokenBuild(text: string): string {
  return text.replace(/postBuild = .*;\n}/s, () => `postBuild = ''\n${brokenCheck}  '';\n}`);
}

const brokenCheck = `    printf '%s\\n' "checking service.conf"
    printf '%s\\n' "service.conf:7: unknown option 'listen-adress', did you mean 'listen-address'?" >&2
    exit 1
`;

/** A file that no image and no guest reads. */
export async function editReadme(repository: SampleRepository): Pushed {
  const text = await readSample(repository, 'README.md');
  return commitFiles(repository, 'Say more in the README', { 'README.md': `${text}\nOne more line.\n` });
}

/** The fleet's container, which the first commit does not have. */
export async function addContainer(repository: SampleRepository): Pushed {
  const present = await readSample(repository, 'containers.nix').catch(() => '');
  if (editEntry(present, 'test-cache', (entry) => entry) !== undefined) {
    throw new UserError('The fleet declares test-cache already.', {
      next: '`npm run demo -- edit-container` edits its image.',
    });
  }
  const files = containerFiles(await readSample(repository, 'flake.nix'));
  return commitFiles(repository, 'Add the container test-cache', files);
}

/** Another amount of memory, in MiB: an update that waits for a restart where Proxmox cannot hot-plug it. */
export function editMemory(repository: SampleRepository, guest: SampleGuest, memoryMb: number): Pushed {
  return editValue(repository, guest, 'memory_mb', memoryMb, `Give test-${guest} ${memoryMb} MiB`);
}

/** Online: Proxmox resizes the disk. */
export function growDisk(repository: SampleRepository, guest: SampleGuest, diskGb = 32): Pushed {
  return editValue(repository, guest, 'disk_gb', diskGb, `Grow the disk of test-${guest} to ${diskGb} GiB`);
}

/** Blocked: Proxmox cannot shrink a disk. */
export function shrinkDisk(repository: SampleRepository, guest: SampleGuest, diskGb = 4): Pushed {
  return editValue(repository, guest, 'disk_gb', diskGb, `Shrink the disk of test-${guest} to ${diskGb} GiB`);
}

/** A guest that no plan may replace or destroy. */
export function protect(repository: SampleRepository, guest: SampleGuest): Pushed {
  return editValue(repository, guest, 'protected', true, `Protect test-${guest}`);
}

/** Another name for the same guest: its key and VMID stay. */
export function renameGuest(repository: SampleRepository, guest: SampleGuest, name: string): Pushed {
  return editValue(repository, guest, 'name', name, `Call test-${guest} ${name}`);
}

/** Another storage; one that the simulator knows as broken shows what a failure looks like. */
export function useStorage(repository: SampleRepository, guest: SampleGuest, storage: string): Pushed {
  return editValue(repository, guest, 'storage_location', storage, `Put test-${guest} on ${storage}`);
}

/** A VMID that may belong to somebody else's guest. */
export function takeVmid(repository: SampleRepository, guest: SampleGuest, vmid: number): Pushed {
  return editValue(repository, guest, 'vm_id', vmid, `Number test-${guest} ${vmid}`);
}

/** Refused: two VMs with one VMID. */
export function duplicateVmId(repository: SampleRepository): Pushed {
  return editValue(repository, 'worker', 'vm_id', 821, 'Number test-worker like test-cp');
}

/** Refused: a field that proxnix does not know. */
export function addUnknownField(repository: SampleRepository): Pushed {
  return editValue(repository, 'worker', 'memory_mib', 4096, 'Set the memory of test-worker by a wrong name');
}

/** Refused: Nix cannot read the file. */
export async function breakSyntax(repository: SampleRepository): Pushed {
  const text = await readSample(repository, 'vms.nix');
  const isForgotten = /sockets = 1$/m.test(text);
  const broken = isForgotten ? text : text.replace('sockets = 1;', 'sockets = 1');
  return commitFiles(repository, 'Forget a semicolon', { 'vms.nix': broken });
}

/** Removes a guest from the flake, so that a plan destroys it. */
export function removeGuest(repository: SampleRepository, guest: SampleGuest): Pushed {
  return editDeclaration(repository, guest, `Remove test-${guest}`, (text) => removeEntry(text, `test-${guest}`));
}

/** No VM is left in the flake. */
export function emptyFleet(repository: SampleRepository): Pushed {
  return commitFiles(repository, 'Remove every VM', { 'vms.nix': '# The VMs of this fleet: none.\n{ }\n' });
}

/** Restores the files of the first commit after any edits. */
export async function mend(repository: SampleRepository): Pushed {
  return commitFiles(repository, 'Bring the first fleet back', await firstFiles(repository));
}

function editValue(
  repository: SampleRepository,
  guest: SampleGuest,
  field: string,
  value: NixValue,
  message: string,
): Pushed {
  return editDeclaration(repository, guest, message, (text) =>
    editEntry(text, `test-${guest}`, (entry) => setValue(entry, field, value)),
  );
}

async function editDeclaration(
  repository: SampleRepository,
  guest: SampleGuest,
  message: string,
  edit: (text: string) => string | undefined,
): Pushed {
  const path = declarationOf(guest);
  const edited = edit(await readDeclared(repository, guest, path));
  if (edited === undefined) throw undeclared(guest);
  return commitFiles(repository, message, { [path]: edited });
}

async function readImage(repository: SampleRepository, guest: SampleGuest): Promise<{ path: string; text: string }> {
  const path = `images/${guest}.nix`;
  return { path, text: await readDeclared(repository, guest, path) };
}

/** A file of the working tree; those of the container are not there before it is added. */
function readDeclared(repository: SampleRepository, guest: SampleGuest, path: string): Promise<string> {
  return readSample(repository, path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? undeclared(guest) : error;
  });
}

function undeclared(guest: SampleGuest): UserError {
  return new UserError(`The fleet does not declare test-${guest}.`, {
    next: guest === 'cache' ? '`npm run demo -- add-container` adds it.' : '`npm run demo -- mend` brings it back.',
  });
}
