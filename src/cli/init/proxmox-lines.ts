import { aclLines, grantsFor, roleLines, shell } from '../doctor/grants.ts';
import type { Answers } from './answers.ts';
import { tokenId } from './env-file.ts';

/** The commands for a root shell on one node: storage, roles, user, token, and the rights of both. */
export function proxmoxLines(answers: Answers): readonly string[] {
  const { pve: major, pool, imageStorage, targetStorage, bridge } = answers;
  const grants = grantsFor({ major, pool, imageStorage, targetStorages: targetStorage, bridges: bridge });
  const [user = '', token = ''] = tokenId.split('!');
  return [
    ...storageLines(imageStorage),
    ...roleLines(grants),
    ...(pool === undefined ? [] : [`pveum pool add ${shell(pool)}`]),
    `pveum user add ${user}`,
    `pveum user token add ${user} ${token} --privsep 1`,
    ...grants.flatMap((grant) => aclLines(grant, tokenId)),
  ];
}

/** The storage `local` is on every node and has no `import`; any other is made as a folder. */
function storageLines(storage: string): readonly string[] {
  if (storage === 'local') {
    return [
      'pvesm set local --content iso,vztmpl,backup,import   # the whole list: keep what it holds now; VMs need import, containers vztmpl',
    ];
  }
  const name = shell(storage);
  return [
    `pvesm add dir ${name} --path /var/lib/${name} --content import,vztmpl   # there already? pvesm set ${name} --content import,vztmpl,<what it holds now>`,
  ];
}
