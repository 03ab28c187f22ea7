import type { Need } from './access.ts';
import type { Call, Handler } from './call.ts';

/** What a route asks for before its handler runs; `path` may name parameters. A function decides for itself. */
export type Permission = { readonly path: string; readonly need: Need } | ((call: Call) => void);

/** One method on one path pattern. */
export interface Route {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
  readonly permission: Permission | undefined;
}

/** A route with the parameters its path gave. */
export interface Match {
  readonly route: Route;
  readonly fromPath: ReadonlyMap<string, string>;
}

/** Writes one line of the route table. */
export function route(method: string, pattern: string, handler: Handler, permission?: Permission): Route {
  return { method, pattern, handler, permission };
}

/** All of these privileges on a path. */
export function all(path: string, ...privileges: string[]): Permission {
  return { path, need: { all: privileges } };
}

/** One of these privileges on a path. */
export function any(path: string, ...privileges: string[]): Permission {
  return { path, need: { any: privileges } };
}

/** Finds routes by method and path. Double and trailing slashes do not matter (9.2.11). */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match | undefined {
  const compiled = routes.map((one) => ({ one, names: namesOf(one.pattern), regex: regexOf(one.pattern) }));
  return (method, path) => {
    const clean = path.replace(/\/+/g, '/').replace(/\/$/, '');
    for (const { one, names, regex } of compiled) {
      const found = one.method === method ? regex.exec(clean) : null;
      if (found === null) continue;
      const values = names.map((name, index) => [name, unescapeStep(found[index + 1] ?? '')] as const);
      return { route: one, fromPath: new Map(values) };
    }
    return undefined;
  };
}

/** Puts parameters into a pattern such as `/vms/{vmid}`. */
export function fillIn(pattern: string, given: ReadonlyMap<string, string>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => given.get(name) ?? '');
}

function namesOf(pattern: string): string[] {
  return [...pattern.matchAll(/\{(\w+)\}/g)].map((one) => one[1] ?? '');
}

/** A volume's name may have slashes in it, every other parameter is one step of the path. */
function regexOf(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/\{volume\}/g, '(.+)').replace(/\{\w+\}/g, '([^/]+)')}$`);
}

function unescapeStep(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
