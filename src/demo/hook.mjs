// The post-receive hook of the demo's repository: reports a push to the bot the way GitHub does, signed over the body.
// Plain JavaScript, because git runs it and knows nothing of TypeScript.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { url, secret } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [before, after, ref] = line.split(' ');
  const body = JSON.stringify({
    ref,
    before,
    after,
    deleted: /^0+$/.test(after),
    repository: { full_name: 'demo/fleet' },
  });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  try {
    const response = await fetch(`${url}/webhook`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-github-delivery': crypto.randomUUID(),
        'x-hub-signature-256': signature,
      },
      body,
    });
    console.log(`proxnix: ${response.status} ${(await response.text()).trim()}`);
  } catch (error) {
    console.log(`proxnix was not told: ${error.cause?.code ?? error.message}. Is the demo running?`);
  }
}
