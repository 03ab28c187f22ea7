const finishesFirst = 'Stopping. An apply under way is finished first; interrupt once more to stop at once.';

/**
 * Milliseconds within which signals count as one. Ctrl-C and service managers signal a whole process group, and npm and
 * `setup.mjs` forward their signals, so one request to stop may arrive up to three times.
 */
const echoMs = 1000;

/** The collaborators of `untilSignal`, which tests replace. */
export interface SignalSources {
  readonly signals?: Pick<NodeJS.EventEmitter, 'on'>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
  readonly exit?: (code: number) => void;
}

/**
 * Resolves at the first SIGINT or SIGTERM and prints `line` on standard error. A second one ends the process at once with
 * exit code 130. Signals within a second after the first count as the first.
 */
export function untilSignal(line: string = finishesFirst, sources: SignalSources = {}): Promise<void> {
  const { signals = process, now = () => performance.now(), exit = (code) => process.exit(code) } = sources;
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const onSignal = () => {
      if (askedAt !== undefined) {
        if (now() - askedAt > echoMs) exit(130);
        return;
      }
      askedAt = now();
      console.error(line);
      resolve();
    };
    signals.on('SIGINT', onSignal);
    signals.on('SIGTERM', onSignal);
  });
}
