// Who may ask and decide, about which plan, and of which commit.
const policy = ['test/core/policy.test.ts'];

export const decisions = [
  {
    room: 'policy',
    file: 'src/core/policy.ts',
    tests: policy,
    rows: [
      ['only approvers decide', 'if (!isAmong(actor, policy.approvers)) {', 'if (false) {'],
      [
        'only viewers read',
        'if (viewers.length === 0 || isAmong(actor, viewers) || isAmong(actor, approvers)) return undefined;',
        'return undefined;',
      ],
      [
        'a fleet is decided in its own channel',
        "if (!isItsPlace(actor, policy)) {\n    return { code: 'wrong-channel', text: 'This fleet is decided",
        "if (false) {\n    return { code: 'wrong-channel', text: 'This fleet is decided",
      ],
      [
        'a fleet is shown in its own channel',
        "if (!isItsPlace(actor, policy)) {\n    return { code: 'wrong-channel', text: 'This fleet is shown",
        "if (false) {\n    return { code: 'wrong-channel', text: 'This fleet is shown",
      ],
      ['a place is in its workspace', 'place.workspace === workspace && ', ''],
      ['a place is a channel', ' && place.channel === channel', ''],
      [
        'a commit is on the branch',
        '(needsBranch(goal, policy) ? branchRefusal(run.branch, goal.commit.sha, onBranch) : undefined) ??',
        '',
      ],
      [
        'where git cannot tell the branch, nothing is approved',
        'if (onBranch === true) return undefined;',
        'if (onBranch !== false) return undefined;',
      ],
      [
        'an author does not approve',
        '(policy.authorMayApprove ? undefined : authorRefusal(actor, authorship, policy)) ??',
        '',
      ],
      ['nothing is approved while applies are locked', '(lock === undefined ? undefined : lockedBy(lock)) ??', ''],
      [
        'one person counts once',
        "if (others.some((other) => compareIds([me], [other], people) === 'same')) {",
        'if (false) {',
      ],
      ['two ids that may be one person count once', 'if (twin === undefined) return undefined;', 'return undefined;'],
      ['a plan expires', 'if (run.expiresAt <= now) return', 'if (false) return'],
      ['a decision is for one plan', 'if (planId !== run.plan.id) {', 'if (false) {'],
      [
        'more destroys than usual ask for a sentence',
        'return destroys > (policy.maxDestroy ?? Math.max(1, Math.floor(fleet / 5)));',
        'return false;',
      ],
      ['an empty flake asks for a sentence', 'if (plan.goal.guests.length === 0) return true;', ''],
      ['a destroy asks for names', 'if (names.length === 0) return undefined;', 'return undefined;'],
      ['what is typed must fit', 'return words(typed) === words(wanted);', 'return true;'],
    ],
  },
  {
    room: 'policy',
    file: 'src/core/identity.ts',
    tests: policy,
    rows: [
      [
        'unread authors block',
        'if (authorship === undefined) {',
        'if (authorship === undefined) return undefined;\n  if (false) {',
      ],
      ['an author whom nobody mapped blocks', 'if (ids === undefined) {', 'if (false) {'],
      [
        'an author who may be the approver blocks',
        "if (ids.length > 0 && compareIds([me], ids, people) === 'unknown') {",
        'if (false) {',
      ],
      ['more commits than are looked at block', 'if (authorship.complete) return undefined;', 'return undefined;'],
      ['an author counts by address', '[name, email.toLowerCase()]', '[name]'],
      ['an author may be called as what every object knows', 'Object.hasOwn(authors, key)', 'key in authors'],
    ],
  },
  {
    room: 'policy',
    file: 'src/core/identity.ts',
    tests: ['test/core/identity.test.ts'],
    rows: [
      [
        'PEOPLE makes one person of two ids',
        'return { ids: [...ids, ...aliases], isNamed',
        'return { ids: [...ids], isNamed',
      ],
      ['ids of two chats may be one person', "? 'different' : 'unknown';", "? 'different' : 'different';"],
    ],
  },
  {
    room: 'policy',
    file: 'src/core/identity.ts',
    tests: policy,
    rows: [
      ['an id counts in its chat', 'if (known?.chat !== chat) return false;', 'if (known === undefined) return false;'],
      ['a group is no person', "word === undefined || word === 'user' ? 'person' : 'group'", "'person'"],
      ['a person is no group', 'known.id === id : groups', 'known.id === id || groups.includes(known.id) : groups'],
    ],
  },
  {
    room: 'policy',
    file: 'src/core/ask-limit.ts',
    tests: ['test/core/ask-limit.test.ts'],
    rows: [
      ['asks have a limit', 'const answered = waitMs <= 0;', 'const answered = true;'],
      ['what is remembered of people has a number', '...others.slice(-(mostPeople - 1))', '...others'],
    ],
  },
  {
    room: 'policy',
    file: 'src/pipeline/access.ts',
    tests: ['test/pipeline/who-may-ask.test.ts'],
    rows: [
      ['asks of a person are counted', 'if (result.answered) return undefined;', 'return undefined;'],
      [
        'strangers who decide are counted',
        'return mayAct(actor, fleet.policy) === undefined ? undefined : this.#count(actor);',
        'return undefined;',
      ],
      ['a refusal stands in the audit', 'await this.#audit(actor, `$' + '{refusal.code} $' + '{what}`, run);', ''],
      [
        'other fleets are not shown',
        'const granted = fleets.filter((_, index) => refusals[index] === undefined);',
        'const granted = fleets;',
      ],
    ],
  },
  {
    room: 'decisions',
    file: 'src/pipeline/decisions.ts',
    tests: ['test/pipeline/approve-what-was-seen.test.ts', 'test/pipeline/decisions.test.ts'],
    rows: [
      ['a plan is named whole', 'if (meant !== undefined && !planIdPattern.test(meant)) {', 'if (false) {'],
      [
        'who was shown no plan is shown it first',
        'if (meant !== undefined) return { run, meant };',
        'return { run, meant: meant ?? now };',
      ],
      ['the cluster is read at the press', 'await this.#planAgain(fleet, runId);', ''],
      ['all is checked once more when it is decided', 'if (still !== undefined) return { refused: still };', ''],
    ],
  },
  {
    room: 'decisions',
    file: 'src/pipeline/decisions.ts',
    tests: ['test/pipeline/deploy.test.ts'],
    rows: [['a destroy is confirmed', 'if (wanted !== undefined && typed === undefined) {', 'if (false) {']],
  },
  {
    room: 'decisions',
    file: 'src/pipeline/commits.ts',
    tests: ['test/pipeline/other-branch.test.ts'],
    rows: [
      [
        'a commit that left the branch is not applied',
        'if (refusal !== undefined) throw new UserError(refusal.text);',
        '',
      ],
    ],
  },
  {
    room: 'decisions',
    file: 'commands/handlers.ts',
    tests: ['test/pipeline/who-may-ask.test.ts'],
    rows: [
      [
        'a command is for those who may',
        "return 'refused' in opened ? opened.refused : command.run(",
        'return command.run(',
      ],
      ['a button that shows is for those who may', "if ('refused' in opened) return opened.refused;", ''],
    ],
  },
  {
    room: 'decisions',
    file: 'src/config/fleet.ts',
    tests: ['test/config/config.test.ts'],
    rows: [
      ['everybody is no approver', 'if (everybody !== undefined && ids.includes(everybody.id))', 'if (false)'],
      [
        'the author rule has authors',
        'if (!policy.authorMayApprove && Object.keys(policy.authors).length === 0) {',
        'if (false) {',
      ],
    ],
  },
  {
    room: 'git',
    file: 'src/git/run.ts',
    tests: ['test/git/run.test.ts'],
    rows: [
      ['it has no environment of the bot', 'extendEnv: false,', 'extendEnv: true,'],
      ['no URL runs a program', "['GIT_ALLOW_PROTOCOL', protocols.join(':')],", ''],
      ["a person's settings do not count", "['HOME', run.dir],", "['HOME', process.env.HOME],"],
      ['it asks nobody', "['GIT_TERMINAL_PROMPT', '0'],", ''],
      ['its time is limited', 'timedOut = true;', 'return;'],
      ['what hangs below it ends with it', 'detached: true,', 'detached: false,'],
    ],
  },
  {
    room: 'git',
    file: 'src/git/run.ts',
    tests: ['test/git/remote.test.ts'],
    rows: [
      [
        'a token goes over TLS only',
        "if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {",
        'if (false) {',
      ],
      ['a redirect gets no token', "'http.followRedirects': 'false',", ''],
      ['an unknown transport is refused', '!protocols.some((known) => known === scheme)', 'false'],
    ],
  },
  {
    room: 'git',
    file: 'src/git/run.ts',
    tests: ['test/fakes/git.test.ts', 'test/git/mirror.test.ts'],
    rows: [
      ['a ref is no option and no path', 'refs.filter((ref) => refPattern.test(ref) && ', 'refs.filter((ref) => '],
    ],
  },
  {
    room: 'git',
    file: 'src/git/mirror.ts',
    tests: ['test/git/mirror.test.ts'],
    rows: [
      [
        'a mailmap renames nobody',
        "'--format=%H%x00%an%x00%ae%x00%cn%x00%ce'",
        "'--format=%H%x00%aN%x00%aE%x00%cN%x00%cE'",
      ],
    ],
  },
  {
    room: 'decisions',
    file: 'commands/handlers.ts',
    tests: ['test/pipeline/overview.test.ts'],
    rows: [
      ['a run is shown where its fleet is', 'run === undefined || !mayView ?', 'run === undefined ?'],
      [
        'a fleet is seen where it is shown',
        'pipeline.overview(pipeline.visible(actorOf(asker)))',
        'pipeline.overview(pipeline.fleets())',
      ],
    ],
  },
  {
    room: 'decisions',
    file: 'src/pipeline/overview.ts',
    tests: ['test/pipeline/overview.test.ts'],
    rows: [['those who look do not wear a cluster out', 'now - last.begunAt < readEveryMs', 'false']],
  },
];
