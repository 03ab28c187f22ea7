import { describe, expect, it } from 'vitest';
import { Answers } from '../../../src/cli/init/answers.ts';
import { forgeLines, webhookUrl } from '../../../src/cli/init/forges.ts';
import { defaults } from '../../../src/cli/init/questions.ts';

const answers = (change: object) => Answers.parse({ ...defaults, ...change });
const names = (gitUrl: string) => forgeLines(answers({ gitUrl })).map((line) => line.slice(0, line.indexOf(':')));

describe('the webhook', () => {
  it.each([
    ['https://github.com/ada/fleet.git', ['GitHub']],
    ['git@gitlab.com:ada/fleet.git', ['GitLab']],
    ['ssh://git@codeberg.org/ada/fleet.git', ['Forgejo']],
    ['https://git.example.org/github.com/fleet.git', ['GitHub', 'GitLab', 'Gitea', 'Forgejo']],
    ['', ['GitHub', 'GitLab', 'Gitea', 'Forgejo']],
  ])('of %s is entered at %j', (url, forges) => {
    expect(names(url)).toEqual(forges);
  });

  it.each([
    ['https://proxnix.example.org', 'https://proxnix.example.org/webhook'],
    ['http://192.0.2.7:6780/', 'http://192.0.2.7:6780/webhook'],
    ['https://example.org/bots/webhook', 'https://example.org/bots/webhook'],
    ['', 'http://<the address of this machine>:6780/webhook'],
  ])('at %j is %s', (given, url) => {
    expect(webhookUrl(answers({ webhookUrl: given }))).toBe(url);
  });
});
