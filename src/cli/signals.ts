/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once, whatever it is doing. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(130);
      asked = true;
      console.error('Stopping: what is being applied is finished first. Once more to stop at once.');
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}
