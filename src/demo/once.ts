import { splitTags } from '../core/tags.ts';
import { ConsoleClient, cardText } from './console-client.ts';
import { sampleVms } from './sample-files.ts';
import { readToken } from './session.ts';
import type { Demo } from './start-demo.ts';

const finalTags = [/^proxnix$/, /^nix-[0-9a-df-np-sv-z]{32}$/, /^commit-[0-9a-f]{40}$/];

/**
 * Plays the story of the demo in `dir` alone: plan, approval, build and deploy.
 * @returns whether every VM ended with the right tags
 */
export async function playOnce(dir: string, demo: Demo, say: (line: string) => void): Promise<boolean> {
  const client = new ConsoleClient(demo.app.url, await readToken(dir));
  const progress = (title: string) => say(`  … ${title}`);
  say('Waiting for the plan of the first commit');
  const plan = await client.waitForNewest(/^Plan:/, { timeoutMs: 60_000, onTitle: progress });
  say(`\n${cardText(plan)}\n`);
  say('Pressing Approve');
  const answer = await client.press(plan, 'approve');
  if (JSON.stringify(answer).includes('"note"')) throw new Error(`the approval was refused: ${JSON.stringify(answer)}`);
  const applied = await client.waitForNewest(/^Applied:/, { timeoutMs: 180_000, onTitle: progress });
  say(`\n${cardText(applied)}\n`);
  say('Tags in the cluster');
  return tagsAreRight(demo, say);
}

function tagsAreRight({ simulator }: Demo, say: (line: string) => void): boolean {
  const guests = [...simulator.guests()].sort((a, b) => a.vmid - b.vmid);
  const tagged = guests.map(({ vmid, config }) => ({
    vmid,
    name: String(config['name'] ?? ''),
    tags: splitTags(String(config['tags'] ?? '')),
  }));
  for (const { vmid, name, tags } of tagged) say(`  ${vmid}  ${name.padEnd(13)} ${tags.join(';')}`);
  return tagged.length === sampleVms.length && tagged.every(({ tags }) => fits(tags));
}

function fits(tags: readonly string[]): boolean {
  return tags.length === finalTags.length && finalTags.every((pattern) => tags.some((tag) => pattern.test(tag)));
}
