/** By which the work on a run is called off: the evaluation for a commit that is overtaken, an apply that is cancelled. */
export class Signals {
  readonly #controllers = new Map<string, AbortController>();

  /** The signal of a run. */
  of(runId: string): AbortSignal {
    return this.#of(runId).signal;
  }

  /** A new signal of a run: it is not aborted, whatever became of the one before. */
  renew(runId: string): AbortSignal {
    this.#controllers.delete(runId);
    return this.of(runId);
  }

  abort(runId: string): void {
    this.#of(runId).abort();
  }

  forget(runId: string): void {
    this.#controllers.delete(runId);
  }

  #of(runId: string): AbortController {
    const controller = this.#controllers.get(runId) ?? new AbortController();
    this.#controllers.set(runId, controller);
    return controller;
  }
}
