import { describe, expect, it } from 'vitest';
import { gitlab } from '../../src/forge/gitlab.ts';
import { forges } from '../../src/forges.ts';
import {
  fromFork,
  gitlabBody,
  gitlabPullBody,
  gitlabSigned,
  headersOf,
  hmacHex,
  hubBody,
  hubPullBody,
  noon,
  secret,
  sha,
  signed,
  signingSecret,
  zeros,
} from './samples.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const without = (all: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(all).filter(([key]) => key !== name));

function forgeFor(all: Record<string, string>) {
  const forge = forges.find((one) => one.recognises(headersOf(all)));
  if (forge === undefined) throw new Error('no forge recognises these headers');
  return forge;
}

function verify(all: Record<string, string>, body: string, key = secret): boolean {
  return forgeFor(all).verify(headersOf(all), bytes(body), key, noon);
}

function parse(all: Record<string, string>, body: string | Uint8Array) {
  return forgeFor(all).parse(headersOf(all), typeof body === 'string' ? bytes(body) : body);
}

const hubLike = [
  { name: 'github', header: 'x-hub-signature-256', prefix: 'sha256=' },
  { name: 'gitea', header: 'x-gitea-signature', prefix: '' },
  { name: 'forgejo', header: 'x-forgejo-signature', prefix: '' },
] as const;

describe.each(hubLike)('$name', ({ name, header, prefix }) => {
  const body = hubBody();
  const all = signed[name](body);

  it('is recognised by its own headers, whatever others it sends', () => {
    expect(forgeFor(all).name).toBe(name);
  });

  it('is trusted with the right signature over the body as it came', () => {
    expect(verify(all, body)).toBe(true);
    expect(verify(all, `${body} `)).toBe(false);
    expect(verify(all, body, 'another-secret')).toBe(false);
  });

  it.each([
    ['empty', ''],
    ['only the prefix', prefix],
    ['with another prefix', `sha1=${hmacHex(body)}`],
    ['with a prefix as long as the right one', `sha512=${hmacHex(body)}`],
    ['with the prefix in upper case', `SHA256=${hmacHex(body)}`],
    ['with the prefix doubled', `${prefix}sha256=${hmacHex(body)}`],
    ['cut short', `${prefix}${hmacHex(body).slice(0, 63)}`],
    ['too long', `${prefix}${hmacHex(body)}0`],
    ['in upper case', `${prefix}${hmacHex(body).toUpperCase()}`],
    ['no hex', `${prefix}${'z'.repeat(64)}`],
    ['zeros', `${prefix}${'0'.repeat(64)}`],
    ['of another secret', `${prefix}${hmacHex(body, 'another-secret')}`],
    ['the secret itself', secret],
  ])('is refused with a signature that is %s', (_, value) => {
    expect(verify({ ...all, [header]: value }, body)).toBe(false);
  });

  it('signs nothing with an empty secret', () => {
    const unsafe = { ...signed[name](body), [header]: `${prefix}${hmacHex(body, '')}` };
    expect(verify(unsafe, body, '')).toBe(false);
  });

  it('gives nothing but repository, ref, commit and delivery of a push', () => {
    const delivery = parse(all, body);
    expect(delivery).toEqual({
      kind: 'push',
      push: { repository: 'ada/fleet', ref: 'refs/heads/main', after: sha, delivery: expect.any(String) },
    });
    expect(JSON.stringify(delivery)).not.toContain('evil');
  });

  it('tells a deleted branch by the zeros', () => {
    expect(parse(all, hubBody({ after: zeros, deleted: true }))).toEqual({
      kind: 'push',
      push: { repository: 'ada/fleet', ref: 'refs/heads/main', delivery: expect.any(String) },
    });
  });

  it('keeps tags and forks apart by ref and repository', () => {
    expect(parse(all, hubBody({ ref: 'refs/tags/v1' }))).toMatchObject({ push: { ref: 'refs/tags/v1' } });
    const fork = hubBody({ repository: { full_name: 'mallory/fleet', fork: true } });
    expect(parse(all, fork)).toMatchObject({ push: { repository: 'mallory/fleet' } });
  });

  it('ignores what is no push', () => {
    for (const event of ['ping', 'issues', 'delete', '']) {
      const own = { ...all, [`x-${name}-event`]: event };
      expect(parse(own, '{}').kind).toBe('ignored');
    }
  });

  it('leaves out a delivery id that is long or strange', () => {
    for (const id of ['x'.repeat(129), 'a b', '']) {
      const delivery = parse({ ...all, [`x-${name}-delivery`]: id }, body);
      expect(delivery.kind === 'push' && 'delivery' in delivery.push).toBe(false);
    }
  });

  it.each([
    ['no JSON', '{"ref":'],
    ['empty', ''],
    ['an array', '[]'],
    ['null', 'null'],
    ['without a ref', hubBody({ ref: undefined })],
    ['with a ref that is none', hubBody({ ref: 'main' })],
    ['with a ref with a newline', hubBody({ ref: 'refs/heads/a\nb' })],
    ['with a short commit', hubBody({ after: 'da15608' })],
    ['with an option as commit', hubBody({ after: '--upload-pack=evil' })],
    ['with a number as repository', hubBody({ repository: { full_name: 7 } })],
    ['with a repository without owner', hubBody({ repository: { full_name: 'fleet' } })],
    ['without a repository', hubBody({ repository: null })],
    ['nested deeply', hubBody({ commits: JSON.parse('['.repeat(500) + ']'.repeat(500)) })],
    ['a bomb of brackets', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['a bomb of objects', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`],
  ])('calls a body malformed that is %s', (_, text) => {
    expect(parse(all, text).kind).toBe('malformed');
  });

  it('calls a body malformed that is not UTF-8', () => {
    // Everything else of it is a push.
    const inLatin1 = Buffer.from(hubBody({ ref: 'refs/heads/\u00ff' }), 'latin1');
    expect(parse(all, inLatin1).kind).toBe('malformed');
  });

  it('does not count brackets inside of text as nesting', () => {
    expect(parse(all, hubBody({ message: '[{"\\'.repeat(1_000) })).kind).toBe('push');
  });

  it('says why without quoting the body', () => {
    for (const text of ['canary {', hubBody({ ref: 'canary' })]) {
      expect(JSON.stringify(parse(all, text))).not.toContain('canary');
    }
  });
});

describe('gitea and forgejo', () => {
  it.each(['gitea', 'forgejo'] as const)('%s are also trusted with GitHub’s spelling alone', (name) => {
    const body = hubBody();
    const { 'x-gitea-signature': _gitea, 'x-forgejo-signature': _forgejo, ...all } = signed[name](body);
    expect(forgeFor(all).name).toBe(name);
    expect(verify(all, body)).toBe(true);
    expect(verify({ ...all, 'x-hub-signature-256': `sha1=${hmacHex(body)}` }, body)).toBe(false);
    expect(verify(without(all, 'x-hub-signature-256'), body)).toBe(false);
  });

  it('do not rescue a wrong signature by a right one in another header', () => {
    const body = hubBody();
    expect(verify({ ...signed.gitea(body), 'x-gitea-signature': '' }, body)).toBe(false);
    expect(verify({ ...signed.forgejo(body), 'x-forgejo-signature': hmacHex('other') }, body)).toBe(false);
  });
});

describe('github', () => {
  it('reads a hook that sends a form', () => {
    const form = `payload=${encodeURIComponent(hubBody())}`;
    const all = { ...signed.github(form), 'content-type': 'application/x-www-form-urlencoded' };
    expect(verify(all, form)).toBe(true);
    expect(parse(all, form)).toMatchObject({ kind: 'push', push: { repository: 'ada/fleet' } });
    expect(parse(all, 'other=1').kind).toBe('malformed');
  });

  it('is not trusted with the old SHA-1 signature', () => {
    const body = hubBody();
    const all = { 'x-github-event': 'push', 'x-hub-signature': `sha1=${'0'.repeat(40)}` };
    expect(verify(all, body)).toBe(false);
  });
});

describe('gitlab', () => {
  it('is trusted with the token, and with no other text', () => {
    const body = gitlabBody();
    expect(verify(signed.gitlab(), body)).toBe(true);
    for (const token of ['', 'x', `${secret}x`, secret.slice(1), secret.toUpperCase()]) {
      expect(verify({ ...signed.gitlab(), 'x-gitlab-token': token }, body)).toBe(false);
    }
    expect(verify(without(signed.gitlab(), 'x-gitlab-token'), body)).toBe(false);
    expect(verify({ ...signed.gitlab(), 'x-gitlab-token': '' }, body, '')).toBe(false);
  });

  it('is trusted with a signature when our secret is a signing token', () => {
    const body = gitlabBody();
    expect(verify(gitlabSigned(body), body, signingSecret)).toBe(true);
    const rotated = {
      ...gitlabSigned(body),
      'webhook-signature': `v1,AAAA ${gitlabSigned(body)['webhook-signature']}`,
    };
    expect(verify(rotated, body, signingSecret)).toBe(true);
  });

  it.each([
    ['over another body', gitlabSigned('{}')],
    ['of another key', gitlabSigned(gitlabBody(), noon / 1000, Buffer.alloc(32))],
    ['six minutes old', gitlabSigned(gitlabBody(), noon / 1000 - 360)],
    ['six minutes ahead', gitlabSigned(gitlabBody(), noon / 1000 + 360)],
    ['under another id', { ...gitlabSigned(gitlabBody()), 'webhook-id': 'msg-2' }],
    ['at another time', { ...gitlabSigned(gitlabBody()), 'webhook-timestamp': String(noon / 1000 + 1) }],
    ['at no time', { ...gitlabSigned(gitlabBody()), 'webhook-timestamp': 'noon' }],
    ['of another version', { ...gitlabSigned(gitlabBody()), 'webhook-signature': 'v2,AAAA' }],
    ['absent', without(gitlabSigned(gitlabBody()), 'webhook-signature')],
    ['replaced by the secret as a token', { ...signed.gitlab(), 'x-gitlab-token': signingSecret }],
  ])('is refused with a signature %s', (_, all) => {
    expect(verify(all, gitlabBody(), signingSecret)).toBe(false);
  });

  it('takes a signature up to five minutes old', () => {
    const body = gitlabBody();
    const at = (ms: number) => gitlab.verify(headersOf(gitlabSigned(body)), bytes(body), signingSecret, ms);
    expect([at(noon), at(noon + 300_000), at(noon - 300_000), at(noon + 300_001)]).toEqual([true, true, true, false]);
  });

  it('gives nothing but repository, ref, commit and delivery of a push', () => {
    expect(parse(signed.gitlab(), gitlabBody())).toEqual({
      kind: 'push',
      push: {
        repository: 'group/sub/fleet',
        ref: 'refs/heads/main',
        after: sha,
        delivery: 'f5a0b1c2-d3e4-4f56-8a7b-9c0d1e2f3a4b',
      },
    });
  });

  it('tells tags and deleted branches', () => {
    const tag = { ...signed.gitlab(), 'x-gitlab-event': 'Tag Push Hook' };
    expect(parse(tag, gitlabBody({ ref: 'refs/tags/v1' }))).toMatchObject({ push: { ref: 'refs/tags/v1' } });
    const gone = parse(signed.gitlab(), gitlabBody({ after: zeros, checkout_sha: null }));
    expect(gone.kind === 'push' && gone.push.after).toBe(undefined);
    expect(gone.kind).toBe('push');
  });

  it('reads pushes of a hook of the whole server, and ignores its other events', () => {
    const all = { ...signed.gitlab(), 'x-gitlab-event': 'System Hook' };
    // As in GitLab's documentation of system hooks: `event_name` beside, and in some versions without, `object_kind`.
    const push = (event_name: string) => gitlabBody({ event_name, object_kind: undefined });
    expect(parse(all, push('push'))).toEqual(parse(signed.gitlab(), gitlabBody()));
    expect(parse(all, push('tag_push'))).toMatchObject({ kind: 'push' });
    for (const event of ['project_create', 'repository_update', 'user_add_to_team']) {
      expect(parse(all, push(event))).toEqual({ kind: 'ignored', why: 'no push' });
    }
    for (const body of ['{"event_name":"push"}', '{', '[['.repeat(200)]) {
      expect(parse(all, body).kind).toBe('malformed');
    }
  });

  it('ignores what is no push, and calls what is broken malformed', () => {
    expect(parse({ ...signed.gitlab(), 'x-gitlab-event': 'Issue Hook' }, '{}').kind).toBe('ignored');
    expect(parse(signed.gitlab(), gitlabBody({ project: {} })).kind).toBe('malformed');
    expect(parse(signed.gitlab(), '{').kind).toBe('malformed');
  });
});

it('is no forge that sends none of their headers', () => {
  expect(forges.some((forge) => forge.recognises(headersOf({ 'x-hub-signature-256': 'sha256=00' })))).toBe(false);
});

describe.each(hubLike)('a pull request of $name', ({ name }) => {
  const pullHeaders = (body: string) => ({ ...signed[name](body), [`x-${name}-event`]: 'pull_request' });
  const read = (body: string) => parse(pullHeaders(body), body);
  const pull = {
    repository: 'ada/fleet',
    number: 7,
    head: sha,
    base: 'main',
    isFork: false,
    delivery: expect.any(String),
  };

  it.each(['opened', 'reopened', 'synchronize', 'synchronized'])(
    'that is %s is pushed, and nothing else of it is told',
    (action) => {
      expect(read(hubPullBody(action))).toEqual({ kind: 'pull', pull: { ...pull, action: 'pushed' } });
    },
  );

  it('that is closed or merged is closed', () => {
    expect(read(hubPullBody('closed'))).toEqual({ kind: 'pull', pull: { ...pull, action: 'closed' } });
  });

  it('that moves to another branch is pushed', () => {
    for (const changes of [{ base: { ref: { from: 'old' } } }, { ref: { from: 'old' } }]) {
      expect(read(hubPullBody('edited', { changes }))).toMatchObject({ kind: 'pull', pull: { action: 'pushed' } });
    }
  });

  it.each([
    ['edited', { changes: { title: { from: 'a' } } }],
    ['labeled', {}],
    ['label_updated', {}],
    ['assigned', {}],
  ])('that is only %s is ignored', (action, change) => {
    expect(read(hubPullBody(action, change))).toMatchObject({ kind: 'ignored' });
  });

  it('from another repository is a fork, and from one that is gone as well', () => {
    for (const repo of [{ full_name: 'eve/fleet' }, null]) {
      expect(read(hubPullBody('opened', fromFork(repo)))).toMatchObject({ pull: { isFork: true } });
    }
    expect(read(hubPullBody('opened', fromFork({ full_name: 'ADA/fleet' })))).toMatchObject({
      pull: { isFork: false },
    });
  });

  it.each([
    [fromFork({ full_name: 'eve/fleet' }, { number: 0 })],
    [fromFork({ full_name: 'eve/fleet' }, { number: '7' })],
    [fromFork({ full_name: 'eve/fleet' }, { number: 1e12 })],
    [fromFork({ full_name: 'fleet' })],
    [{ repository: { full_name: 'fleet' } }],
    [fromFork(null, { base: { ref: 'a b' } })],
    [fromFork(null, { head: { sha: 'main', repo: null } })],
    [{ pull_request: null }],
  ])('with %j is malformed', (change) => {
    expect(read(hubPullBody('opened', change))).toMatchObject({ kind: 'malformed' });
  });
});

describe('a merge request of GitLab', () => {
  const read = (request: Record<string, unknown>, more: Record<string, unknown> = {}, event = 'Merge Request Hook') => {
    const body = gitlabPullBody(request, more);
    return parse({ ...signed.gitlab(), 'x-gitlab-event': event }, body);
  };
  const pull = {
    repository: 'group/sub/fleet',
    number: 7,
    head: sha,
    base: 'main',
    isFork: false,
    delivery: expect.any(String),
  };

  it.each([
    ['opened', { action: 'open' }, {}],
    ['opened again', { action: 'reopen' }, {}],
    ['updated with a commit', { action: 'update', oldrev: zeros }, {}],
    ['moved to another branch', { action: 'update' }, { changes: { target_branch: { previous: 'old' } } }],
  ])('that is %s is pushed', (_, request, more) => {
    expect(read(request, more)).toEqual({ kind: 'pull', pull: { ...pull, action: 'pushed' } });
  });

  it.each(['close', 'merge'])('with the action %s is closed', (action) => {
    expect(read({ action })).toMatchObject({ kind: 'pull', pull: { action: 'closed' } });
  });

  it.each([[{ action: 'update' }], [{ action: 'approved' }], [{}]])(
    'that has no new commit is ignored: %j',
    (request) => {
      expect(read(request)).toMatchObject({ kind: 'ignored' });
    },
  );

  it('from another project is a fork, and from one that is gone as well', () => {
    for (const source_project_id of [6, null]) {
      expect(read({ action: 'open', source_project_id })).toMatchObject({ pull: { isFork: true } });
    }
  });

  it('is read from a hook of the whole server as well', () => {
    expect(read({ action: 'open' }, {}, 'System Hook')).toMatchObject({ kind: 'pull', pull: { number: 7 } });
  });

  it.each([[{ iid: -1 }], [{ iid: '7' }], [{ target_branch: 'a b' }]])('with %j is malformed', (request) => {
    expect(read({ action: 'open', ...request })).toMatchObject({ kind: 'malformed' });
  });
});
