import { commitFiles, readSample, type SampleRepository } from './repository.ts';
import type { SampleVm } from './sample-files.ts';
import { editVm, type NixValue, removeVmText, setValue } from './vms-text.ts';

/** What every edit answers: the hash of the commit it pushed. */
type Pushed = Promise<string>;

/** Another release of one image: its VM gets a new disk, no other. */
export async function editImage(repository: SampleRepository, vm: SampleVm): Pushed {
  const path = `images/${vm}.nix`;
  const text = await readSample(repository, path);
  return commitFiles(repository, `Update the image of test-${vm}`, { [path]: nextRelease(text) });
}

/** The text of an image's file with the next release. */
export function nextRelease(text: string): string {
  return text.replace(/release = (\d+);/, (_, release: string) => `release = ${Number(release) + 1};`);
}

/** The image's root file system fails to build, with a log. */
export async function breakImage(repository: SampleRepository, vm: SampleVm): Pushed {
  const path = `images/${vm}.nix`;
  const text = await readSample(repository, path);
  return commitFiles(repository, `Check the configuration of test-${vm}`, { [path]: brokenBuild(text) });
}

/** The text of an image's file with a check that fails. */
export function brokenBuild(text: string): string {
  return text.replace(/postBuild = .*;\n}/s, () => `postBuild = ''\n${brokenCheck}  '';\n}`);
}

const brokenCheck = `    printf '%s\\n' "checking service.conf"
    printf '%s\\n' "service.conf:7: unknown option 'listen-adress', did you mean 'listen-address'?" >&2
    exit 1
`;

/** A file that no image and no VM reads. */
export async function editReadme(repository: SampleRepository): Pushed {
  const text = await readSample(repository, 'README.md');
  return commitFiles(repository, 'Say more in the README', { 'README.md': `${text}\nOne more line.\n` });
}

export function editMemory(repository: SampleRepository, vm: SampleVm, memoryMb: number): Pushed {
  return editValue(repository, vm, 'memory_mb', memoryMb, `Give test-${vm} ${memoryMb} MiB`);
}

/** Online: Proxmox resizes the disk. */
export function growDisk(repository: SampleRepository, vm: SampleVm, diskGb = 32): Pushed {
  return editValue(repository, vm, 'disk_gb', diskGb, `Grow the disk of test-${vm} to ${diskGb} GiB`);
}

/** Blocked: Proxmox cannot shrink a disk. */
export function shrinkDisk(repository: SampleRepository, vm: SampleVm, diskGb = 4): Pushed {
  return editValue(repository, vm, 'disk_gb', diskGb, `Shrink the disk of test-${vm} to ${diskGb} GiB`);
}

export function protect(repository: SampleRepository, vm: SampleVm): Pushed {
  return editValue(repository, vm, 'protected', true, `Protect test-${vm}`);
}

/** Another name for the same VM: its key and VMID stay. */
export function renameVm(repository: SampleRepository, vm: SampleVm, name: string): Pushed {
  return editValue(repository, vm, 'name', name, `Call test-${vm} ${name}`);
}

/** Another storage; one that the simulator knows as broken shows what a failure looks like. */
export function useStorage(repository: SampleRepository, vm: SampleVm, storage: string): Pushed {
  return editValue(repository, vm, 'storage_location', storage, `Put test-${vm} on ${storage}`);
}

/** A VMID that may belong to somebody else's guest. */
export function takeVmid(repository: SampleRepository, vm: SampleVm, vmid: number): Pushed {
  return editValue(repository, vm, 'vm_id', vmid, `Number test-${vm} ${vmid}`);
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
  return commitFiles(repository, 'Forget a semicolon', { 'vms.nix': text.replace('sockets = 1;', 'sockets = 1') });
}

export async function removeVm(repository: SampleRepository, vm: SampleVm): Pushed {
  const text = await readSample(repository, 'vms.nix');
  return commitFiles(repository, `Remove test-${vm}`, { 'vms.nix': removeVmText(text, `test-${vm}`) });
}

/** No VM is left in the flake. */
export function emptyFleet(repository: SampleRepository): Pushed {
  return commitFiles(repository, 'Remove every VM', { 'vms.nix': '# The VMs of this fleet: none.\n{ }\n' });
}

async function editValue(
  repository: SampleRepository,
  vm: SampleVm,
  field: string,
  value: NixValue,
  message: string,
): Pushed {
  const text = await readSample(repository, 'vms.nix');
  const edited = editVm(text, `test-${vm}`, (entry) => setValue(entry, field, value));
  return commitFiles(repository, message, { 'vms.nix': edited });
}
