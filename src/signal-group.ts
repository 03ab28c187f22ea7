/**
 * Signals a process and all its children. `pid` must lead a process group of its own; `undefined` and a group that is gone are
 * ignored. Throws for any other reason that the signal cannot be sent.
 */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
