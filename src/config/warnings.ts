import type { ChatKind } from '../chat/kind.ts';
import type { Config } from './model.ts';
import { isPerson } from './people.ts';
import type { Environment } from './settings.ts';

/** Settings that are allowed and probably not meant; one sentence each, which begins with the variable's name. */
export function warningsOf(
  values: Environment,
  config: Pick<Config, 'chats' | 'fleets'>,
  chats: readonly ChatKind[],
): string[] {
  const off = chats.map(({ name }) => name).filter((name) => !config.chats.some((chat) => chat.name === name));
  const perFleet = config.fleets.flatMap(({ name, policy: { approvers, approvals, people } }) => {
    const lost = off.filter((chat) => approvers.some((id) => id.startsWith(`${chat}:`)));
    const kinds = new Set(approvers.map((id) => id.slice(0, id.indexOf(':'))));
    const unmapped = approvals > 1 && kinds.size > 1 && Object.keys(people).length === 0;
    const tooFew = approvers.every(isPerson) && new Set(approvers).size < approvals;
    return [
      ...(approvers.length === 0 ? [`APPROVERS: is empty, so nobody may approve plans of fleet ${name}.`] : []),
      ...lost.map((chat) => `APPROVERS: names people of ${chat}, which is not configured.`),
      ...(approvers.length > 0 && tooFew
        ? [`APPROVALS: fleet ${name} has fewer approvers than approvals needed.`]
        : []),
      ...(unmapped ? [`PEOPLE: is empty, so approvals of fleet ${name} from two chats count as one person's.`] : []),
    ];
  });
  const deaf = values.WEBHOOKS === 'off' && values.POLL_INTERVAL === 'off';
  return [
    ...new Set(perFleet),
    ...(deaf
      ? ['POLL_INTERVAL: is off like the webhooks, so a push goes unnoticed until somebody asks for a plan.']
      : []),
  ];
}

/** What the settings open to people who may not approve; one sentence each, which begins with the variable's name. */
export function risksOf(config: Pick<Config, 'chats' | 'fleets' | 'nix'>): string[] {
  const { evalSandbox, evalHosts, allowIfd, privateStore } = config.nix;
  return [
    ...config.chats.flatMap(({ risks = [] }) => risks),
    ...(evalSandbox
      ? []
      : ['NIX_EVAL_SANDBOX: is off, so a push can read whatever the bot can read, before anybody approves.']),
    ...(evalHosts.length === 0
      ? []
      : [`NIX_EVAL_HOSTS: a push reaches ${evalHosts.join(', ')} before anybody approves.`]),
    ...(config.fleets.length > 1 && !privateStore
      ? ['NIX_PRIVATE_STORE: is false, so a push to one fleet can read what the others have in the Nix store.']
      : []),
    ...(allowIfd ? ['NIX_ALLOW_IFD: is true, so code of a push is built before anybody approves.'] : []),
  ];
}
