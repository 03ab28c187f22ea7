/** A call that counts, as the process made it. */
export interface Made {
  readonly member: string;
  readonly args: readonly unknown[];
}

/** The life of one process of the bot: from its death on no call that it makes is carried out or answered. */
export class Life {
  #over = false;
  #calls = 0;
  #onEnd: () => void = () => undefined;
  /** Resolves when it is over. */
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnd = resolve;
  });
  /** Asked with the number of each call that counts, before and after it is carried out; true ends the life there. */
  endsAt: (call: number, when: 'before' | 'after', made: Made) => boolean = () => false;

  get over(): boolean {
    return this.#over;
  }

  /** How many calls that count were made. */
  get calls(): number {
    return this.#calls;
  }

  end(): void {
    this.#over = true;
    this.#onEnd();
  }

  /** A port as this process holds it. Calls of the members named count for `endsAt`. */
  hold<Port extends object>(port: Port, counted: readonly (keyof Port & string)[] = []): Port {
    return new Proxy(port, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member, target);
        if (typeof value !== 'function') return value;
        const counts = counted.some((name) => name === member);
        return (...args: unknown[]) => {
          const made = counts ? { member: String(member), args } : undefined;
          return this.#call(() => Reflect.apply(value, target, args), made);
        };
      },
    });
  }

  #call(call: () => unknown, made: Made | undefined): unknown {
    const number = made === undefined ? -1 : this.#calls++;
    if (!this.#over && made !== undefined && this.endsAt(number, 'before', made)) this.end();
    if (this.#over) return never();
    const result = call();
    if (!(result instanceof Promise)) return result;
    return this.#answer(result, number, made);
  }

  async #answer(result: Promise<unknown>, number: number, made: Made | undefined): Promise<unknown> {
    try {
      return await result;
    } finally {
      if (!this.#over && made !== undefined && this.endsAt(number, 'after', made)) this.end();
      if (this.#over) await never();
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
