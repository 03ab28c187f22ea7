// What goes back to a forge, and what a pull request may make the bot do.
const clients = ['test/forge/clients.test.ts'];
const forges = ['test/forge/forges.test.ts'];
const previews = ['test/pipeline/previews.test.ts'];
const statuses = ['test/pipeline/statuses.test.ts'];
const comment = ['test/views/preview.test.ts'];

export const forge = [
  {
    room: 'forge',
    file: 'src/forge/rest.ts',
    tests: clients,
    rows: [
      ['a redirect does not carry the token', "redirect: 'manual',", "redirect: 'follow',"],
      ['an answer has a limit', '        size: longestAnswer,\n', ''],
      ['an answer has a time limit', 'signal: AbortSignal.timeout(timeoutMs),', ''],
      ['a limit is told from a refusal', 'if (busy !== undefined) return', 'if (false) return'],
    ],
  },
  {
    room: 'forge',
    file: 'src/forge/comment.ts',
    tests: clients,
    rows: [
      ['a quoted comment is not ours', 'comment.body.startsWith(mark)', 'comment.body.includes(mark)'],
      ['a copied mark is not ours', 'marked.some(({ author }) => author !== ours.author)', 'false'],
      ['a mark is made by the token', "createHmac('sha256', token)", "createHmac('sha256', 'proxnix')"],
    ],
  },
  {
    room: 'forge',
    file: 'src/forge/hub.ts',
    tests: forges,
    rows: [
      [
        'a deleted repository is a fork',
        'head.repo?.full_name.toLowerCase() !==',
        '(head.repo ?? repository).full_name.toLowerCase() !==',
      ],
    ],
  },
  {
    room: 'preview',
    file: 'src/pipeline/previews.ts',
    tests: previews,
    rows: [
      ['a fork is not evaluated unasked', 'if (pull.isFork && !fleet.previewForks)', 'if (false)'],
      ['a request of another base is not evaluated', ' || pull.base !== fleet.branch) {', ') {'],
      ['a request that was closed is not begun', 'if (this.#newest.get(key) !== pull) return;', ''],
    ],
  },
  {
    room: 'preview',
    file: 'src/pipeline/pipeline.ts',
    tests: previews,
    rows: [['only approvers ask for a request', "[fleet], 'act', 'plan')", "[fleet], 'view', 'plan')"]],
  },
  {
    room: 'preview',
    file: 'src/core/advance.ts',
    tests: ['test/core/advance.test.ts'],
    rows: [
      [
        'a preview never comes to what can be approved',
        "if (isPreview(run) && ['in-sync', 'blocked', 'planned', 'superseded'].includes(event.type)) return undefined;",
        '',
      ],
    ],
  },
  {
    room: 'preview',
    file: 'src/pipeline/work.ts',
    tests: previews,
    rows: [['the branch does not take the run of a preview', "['adopt', 'rollback', 'pull']", "['adopt', 'rollback']"]],
  },
  {
    room: 'preview',
    file: 'src/pipeline/drift-check.ts',
    tests: previews,
    rows: [['a preview holds up no check for drift', "find((run) => run.phase !== 'previewed')", 'find(() => true)']],
  },
  {
    room: 'preview',
    file: 'src/pipeline/forge-reports.ts',
    tests: [...previews, ...statuses],
    rows: [
      ['a comment passes the output gate', 'this.#ports.gate(previewComment(', '((text) => text)(previewComment('],
      ['the newest run for a commit counts', 'given.run > number || ', ''],
      ['an overtaken commit does not stay pending', 'if (before !== undefined && before !== commit.sha)', 'if (false)'],
    ],
  },
  {
    room: 'preview',
    file: 'src/views/preview.ts',
    tests: comment,
    rows: [
      ['a text of others closes no block', '.replace(/`{3,}/g, (marks) => "\'".repeat(marks.length))', ''],
      ['a text of others gives no command', ".replace(/^\\//gm, ' /')", ''],
      ['a comment has a limit', 'if (Buffer.byteLength(text) <= longestComment) return text;', 'return text;'],
    ],
  },
];
