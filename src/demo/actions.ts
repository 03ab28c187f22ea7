import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { demoSeed } from '../simulator/simulator.ts';
import * as edits from './edits.ts';
import { openSampleRepository, type SampleRepository } from './repository.ts';
import { type SampleVm, sampleVms } from './sample-files.ts';
import { readSession, type Session } from './session.ts';

interface Action {
  readonly does: string;
  /** The VM it is done to when none is named; absent: it is done to no VM. */
  readonly vm?: SampleVm;
  readonly run: (repository: SampleRepository, vm: SampleVm, session: Session) => Promise<unknown>;
}

/** What can be done to a demo that is running, in the order in which it is fun. */
const actions: Readonly<Record<string, Action>> = {
  'edit-image': { does: 'edit one image: one VM is replaced (-/+)', vm: 'website', run: edits.editImage },
  'edit-memory': {
    does: 'give a VM 4096 MiB: an update (~)',
    vm: 'cp',
    run: (repo, vm) => edits.editMemory(repo, vm, 4096),
  },
  'remove-vm': { does: 'remove a VM from the flake: it is destroyed (-)', vm: 'website', run: edits.removeVm },
  'edit-readme': { does: 'change nothing that matters', run: edits.editReadme },
  'grow-disk': { does: 'grow a disk, online', vm: 'worker', run: (repo, vm) => edits.growDisk(repo, vm) },
  'break-image': { does: 'break the build of an image', vm: 'worker', run: edits.breakImage },
  'break-syntax': { does: 'forget a semicolon', run: edits.breakSyntax },
  'unknown-field': { does: 'mistype a field', run: edits.addUnknownField },
  'duplicate-id': { does: 'give two VMs one VMID', run: edits.duplicateVmId },
  'foreign-id': { does: "take the VMID of somebody else's guest", vm: 'init', run: takeForeignVmid },
  'full-storage': { does: 'put a VM with a new image on a full storage', vm: 'worker', run: useFullStorage },
  'protect-vm': { does: 'protect a VM', vm: 'init', run: edits.protect },
  'empty-fleet': { does: 'remove every VM', run: edits.emptyFleet },
  'stop-vm': { does: "stop a VM behind the bot's back", vm: 'cp', run: stopVm },
};

/** Does one thing to the demo that runs in `dir`; `list` says what there is. */
export async function playAction(dir: string, name: string, target: string | undefined): Promise<void> {
  if (name === 'list') {
    console.log(actionList());
    return;
  }
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    throw new UserError(`The demo knows no action "${name}"${didYouMean(name, Object.keys(actions))}`, {
      next: actionList(),
    });
  }
  const vm = vmOf(target) ?? action.vm ?? 'init';
  const session = await readSession(dir);
  await action.run(openSampleRepository(dir), vm, session);
  console.log(`Done: ${action.does}${action.vm === undefined ? '' : ` (test-${vm})`}. Look at ${session.url}`);
}

/** The actions, a line each. */
export function actionList(): string {
  const lines = Object.entries(actions).map(([name, { does, vm }]) => {
    return `  npm run demo -- ${`${name}${vm === undefined ? '' : ` [${vm}]`}`.padEnd(22)} ${does}`;
  });
  return lines.join('\n');
}

function vmOf(target: string | undefined): SampleVm | undefined {
  if (target === undefined) return undefined;
  const vm = sampleVms.find((name) => name === target || `test-${name}` === target);
  if (vm === undefined)
    throw new UserError(`The demo has no VM "${target}".`, { next: `It has ${sampleVms.join(', ')}.` });
  return vm;
}

async function takeForeignVmid(repository: SampleRepository, vm: SampleVm, session: Session): Promise<void> {
  await call(session, 'POST', '/nodes/pve1/qemu', { vmid: '100', name: 'somebody-elses', memory: '512' });
  await edits.takeVmid(repository, vm, 100);
}

async function useFullStorage(repository: SampleRepository, vm: SampleVm): Promise<void> {
  await edits.useStorage(repository, vm, 'full');
  await edits.editImage(repository, vm);
}

async function stopVm(_repository: SampleRepository, vm: SampleVm, session: Session): Promise<void> {
  await call(session, 'POST', `/nodes/pve1/qemu/${820 + sampleVms.indexOf(vm)}/status/stop`, {});
}

/** A call to the simulated cluster as its administrator: somebody at the Proxmox page, not the bot. */
async function call(session: Session, method: string, path: string, params: Record<string, string>): Promise<void> {
  const admin = demoSeed().tokens.find((token) => token.tokenid.startsWith('admin'));
  const response = await fetch(`${session.simulatorUrl}/api2/json${path}`, {
    method,
    headers: {
      authorization: `PVEAPIToken=${admin?.tokenid}=${admin?.secret}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(params).toString(),
  });
  if (response.status >= 400 && !/already/.test(response.statusText)) {
    throw new UserError(`The simulator answered ${response.status} ${response.statusText}.`, {
      next: 'Is the demo running?',
    });
  }
}
