import { isLoopback } from '../lib/addresses.ts';
import { wantsDiscord, wantsSlack } from './chats.ts';
import type { Environment } from './environment.ts';
import type { Mistakes } from './mistakes.ts';
import type { Config, FleetConfig } from './model.ts';
import { isPerson } from './people.ts';

/** Rules across several variables that no single one can break. */
export function checkFleet(fleet: FleetConfig, values: Environment, mistakes: Mistakes): void {
  const { channels, git, policy } = fleet;
  if (wantsDiscord(values)) {
    mistakes.need('DISCORD_CHANNEL', channels.discord, `for Discord: the channel of fleet ${fleet.name}`);
  }
  if (wantsSlack(values)) {
    mistakes.need('SLACK_CHANNEL', channels.slack, `for Slack: the channel of fleet ${fleet.name}`);
  }
  // Discord's @everyone is a role with the id of the guild.
  for (const [name, ids] of [['APPROVERS', policy.approvers] as const, ['VIEWERS', policy.viewers] as const]) {
    if (!ids.includes(`discord:role:${values.DISCORD_GUILD}`)) continue;
    mistakes.add(name, 'expected roles: the id of the guild is the role @everyone');
  }
  if (git.token !== undefined && git.url !== '' && !git.url.startsWith('http')) {
    mistakes.add('GIT_TOKEN', `expected with an https clone address only (fleet ${fleet.name})`);
  }
  if (!policy.authorMayApprove && Object.keys(policy.authors).length === 0) {
    mistakes.add('AUTHORS', 'needed when the author may not approve: without it nobody knows who the author is');
  }
}

const plainConsole =
  'HTTP_HOST: others reach the console over plain HTTP, so who listens on the way gets its token and may approve. ' +
  'Let a reverse proxy with TLS stand before it: HTTP_HOST=127.0.0.1, and CONSOLE_HOSTS with the name people open.';

/** What is allowed, and hardly what somebody wants. */
export function warningsOf(
  values: Environment,
  config: Pick<Config, 'console' | 'discord' | 'slack' | 'fleets'>,
): string[] {
  const on = { console: config.console, discord: config.discord, slack: config.slack };
  const off = (['console', 'discord', 'slack'] as const).filter((chat) => on[chat] === undefined);
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

/** What is open to people who may not approve. */
export function risksOf(config: Pick<Config, 'console' | 'fleets' | 'http' | 'nix'>): string[] {
  const { evalSandbox, evalHosts, allowIfd, privateStore } = config.nix;
  const isOpen = config.console !== undefined && !isLoopback(config.http.host);
  return [
    ...(isOpen ? [plainConsole] : []),
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
