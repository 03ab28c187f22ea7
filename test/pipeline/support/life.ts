/** The life of one process of the bot: from its death on no call that it makes is carried out or answered. */
export class Life {
  #over = false;
  #calls = 0;
  /** Asked with the number of each call that counts, before and after it is carried out; true ends the life there. */
  endsAt: (call: number, when: 'before' | 'after') => boolean = () => false;

  get over(): boolean {
    return this.#over;
  }

  /** How many calls that count were made. */
  get calls(): number {
    return this.#calls;
  }

  end(): void {
    this.#over = true;
  }

  /** A port as this process holds it. Calls of the members named count for `endsAt`. */
  hold<Port extends object>(port: Port, counted: readonly (keyof Port & string)[] = []): Port {
    return new Proxy(port, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member, target);
        if (typeof value !== 'function') return value;
        const counts = counted.some((name) => name === member);
        return (...args: unknown[]) => this.#call(() => Reflect.apply(value, target, args), counts);
      },
    });
  }

  #call(call: () => unknown, counts: boolean): unknown {
    const number = counts ? this.#calls++ : -1;
    if (!this.#over && counts && this.endsAt(number, 'before')) this.end();
    if (this.#over) return never();
    const result = call();
    if (!(result instanceof Promise)) return result;
    return this.#answer(result, number);
  }

  async #answer(result: Promise<unknown>, number: number): Promise<unknown> {
    try {
      return await result;
    } finally {
      if (!this.#over && number >= 0 && this.endsAt(number, 'after')) this.end();
      if (this.#over) await never();
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
