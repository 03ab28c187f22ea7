import type { Answers } from './answers.ts';

/** How a webhook is entered at one forge. */
interface Entry {
  readonly forge: string;
  readonly hosts: readonly string[];
  readonly text: string;
}

const secret = 'the value of WEBHOOK_SECRET in .env';

const entries: readonly Entry[] = [
  {
    forge: 'GitHub',
    hosts: ['github.com'],
    text: `Settings > Webhooks > Add webhook: Payload URL, Content type application/json, Secret: ${secret}; Just the push event`,
  },
  {
    forge: 'GitLab',
    hosts: ['gitlab.com'],
    text: `Settings > Webhooks > Add new webhook: URL, Secret token: ${secret}; Trigger: Push events`,
  },
  {
    forge: 'Gitea',
    hosts: ['gitea.com'],
    text: `Settings > Webhooks > Add Webhook > Gitea: Target URL, POST, application/json, Secret: ${secret}; Push Events`,
  },
  {
    forge: 'Forgejo',
    hosts: ['codeberg.org'],
    text: `Settings > Webhooks > Add webhook > Forgejo: Target URL, POST, application/json, Secret: ${secret}; Push events`,
  },
];

/** The webhook's address as the forge has to call it. */
export function webhookUrl({ webhookUrl: base }: Answers): string {
  if (base === undefined) return 'http://<the address of this machine>:6780/webhook';
  const url = new URL(base);
  if (url.pathname === '/') url.pathname = '/webhook';
  return url.href;
}

/** One line for the forge of the repository, or for each when its address does not tell which it is. */
export function forgeLines({ gitUrl = '' }: Answers): readonly string[] {
  const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([^:/]+)/.exec(gitUrl)?.[1];
  const known = entries.filter(({ hosts }) => hosts.some((one) => one === host));
  return (known.length === 0 ? entries : known).map(({ forge, text }) => `${forge}: ${text}`);
}
