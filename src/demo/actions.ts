import { existsSync } from 'node:fs';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { demoSeed } from '../simulator/simulator.ts';
import * as edits from './edits.ts';
import { openSampleRepository, type SampleRepository } from './repository.ts';
import { declarationOf, type SampleGuest, sampleGuests } from './sample-files.ts';
import { readSession, readToken, type Session } from './session.ts';

interface Action {
  readonly does: string;
  /** The default guest; absent: the action takes no guest. */
  readonly guest?: SampleGuest;
  readonly run: (repository: SampleRepository, guest: SampleGuest, session: Session) => Promise<unknown>;
}

/** The actions on a running demo, in a suggested order. */
const actions: Readonly<Record<string, Action>> = {
  'edit-image': { does: 'edit one image: one VM is replaced (-/+)', guest: 'website', run: edits.editImage },
  'many-changes': {
    does: 'bump a package, open a port, add an administrator and move the disk of the website (-/+)',
    run: (repo) => edits.manyChanges(repo, 'website', 'fast'),
  },
  'bump-package': { does: 'bump a package of the website (-/+)', run: (repo) => edits.bumpPackage(repo, 'website') },
  'open-port': { does: 'open a port of the website (-/+)', run: (repo) => edits.openPort(repo, 'website') },
  'add-admin': { does: 'let a user of the website become root (-/+)', run: (repo) => edits.addAdmin(repo, 'website') },
  'move-disk': {
    does: 'move a disk to another storage, online',
    guest: 'website',
    run: (repo, guest) => edits.useStorage(repo, guest, 'fast'),
  },
  'edit-memory': {
    does: 'give a VM 4096 MiB: an update (~)',
    guest: 'cp',
    run: (repo, guest) => edits.editMemory(repo, guest, 4096),
  },
  'add-container': { does: 'declare a container: it is created (+)', run: edits.addContainer },
  'edit-container': {
    does: "edit the container's image: its root is swapped (-/+)",
    run: (repo) => edits.editImage(repo, 'cache'),
  },
  'remove-vm': { does: 'remove a VM from the flake: it is destroyed (-)', guest: 'website', run: edits.removeGuest },
  'edit-readme': { does: 'change nothing that matters', run: edits.editReadme },
  'grow-disk': { does: 'grow a disk, online', guest: 'worker', run: (repo, guest) => edits.growDisk(repo, guest) },
  'break-image': { does: 'break the build of an image', guest: 'worker', run: edits.breakImage },
  'break-syntax': { does: 'forget a semicolon', run: edits.breakSyntax },
  'unknown-field': { does: 'mistype a field', run: edits.addUnknownField },
  'duplicate-id': { does: 'give two VMs one VMID', run: edits.duplicateVmId },
  'foreign-id': { does: "take the VMID of somebody else's guest", guest: 'init', run: takeForeignVmid },
  'full-storage': { does: 'put a VM with a new image on a full storage', guest: 'worker', run: useFullStorage },
  'protect-vm': { does: 'protect a VM', guest: 'init', run: edits.protect },
  'empty-fleet': { does: 'remove every VM', run: edits.emptyFleet },
  mend: { does: 'bring the fleet of the first commit back', run: edits.mend },
  'stop-vm': { does: "stop a VM behind the bot's back", guest: 'cp', run: stopGuest },
};

/** Carries out one action on the demo that runs in `dir`; `list` prints the actions. */
export async function playAction(dir: string, name: string, target: string | undefined): Promise<void> {
  if (name === 'list') {
    console.log(`${actionList()}\n${rollbackHint}`);
    return;
  }
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    throw new UserError(`The demo knows no action "${name}"${didYouMean(name, Object.keys(actions))}`, {
      next: actionList(),
    });
  }
  const guest = guestOf(target) ?? action.guest ?? 'init';
  const [session, token] = [await readSession(dir), await readToken(dir)];
  await refuseUnlessRunning(session);
  const repository = openSampleRepository(dir);
  if (!existsSync(repository.dir)) {
    throw new UserError(`The fleet of the demo is gone from ${repository.dir}.`, {
      next: 'End the demo with Ctrl-C and start it again with `npm run demo`.',
    });
  }
  await action.run(repository, guest, session);
  const what = `${action.does}${action.guest === undefined ? '' : ` (test-${guest})`}`;
  console.log(`Done: ${what}. Look at ${session.url}/?token=${token}`);
}

/** A demo that was killed leaves its session file behind; a push would then reach no bot. */
async function refuseUnlessRunning({ url }: Session): Promise<void> {
  const answers = await fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
  if (answers) return;
  throw new UserError(`The demo at ${url} is not running.`, {
    next: 'Start it with `npm run demo`, in another terminal.',
  });
}

/** Hints for the console's command line. */
export const rollbackHint = 'In the console, `/proxnix rollback test-website` brings a guest that was replaced back.';

/** The actions, a line each. */
export function actionList(): string {
  const lines = Object.entries(actions).map(([name, { does, guest }]) => {
    return `  npm run demo -- ${`${name}${guest === undefined ? '' : ` [${guest}]`}`.padEnd(22)} ${does}`;
  });
  return lines.join('\n');
}

function guestOf(target: string | undefined): SampleGuest | undefined {
  if (target === undefined) return undefined;
  const guest = sampleGuests.find((name) => name === target || `test-${name}` === target);
  if (guest === undefined)
    throw new UserError(`The demo has no guest "${target}".`, { next: `It has ${sampleGuests.join(', ')}.` });
  return guest;
}

async function takeForeignVmid(repository: SampleRepository, guest: SampleGuest, session: Session): Promise<void> {
  await call(session, 'POST', '/nodes/pve1/qemu', { vmid: '100', name: 'somebody-elses', memory: '512' });
  await edits.takeVmid(repository, guest, 100);
}

async function useFullStorage(repository: SampleRepository, guest: SampleGuest): Promise<void> {
  await edits.useStorage(repository, guest, 'full');
  await edits.editImage(repository, guest);
}

async function stopGuest(_repository: SampleRepository, guest: SampleGuest, session: Session): Promise<void> {
  const kind = declarationOf(guest) === 'vms.nix' ? 'qemu' : 'lxc';
  await call(session, 'POST', `/nodes/pve1/${kind}/${820 + sampleGuests.indexOf(guest)}/status/stop`, {});
}

/** A call to the simulated cluster as its administrator, like a person at the Proxmox page. */
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
