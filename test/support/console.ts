import type { App } from '../../src/app.ts';
import { ConsoleClient } from '../../src/demo/console-client.ts';

/** The token of a bot whose console is on. */
export function tokenOf({ console: webConsole }: App): string {
  if (webConsole === undefined) throw new Error('the console of this bot is off');
  return webConsole.token.reveal();
}

export function bearerOf(app: App): { readonly authorization: string } {
  return { authorization: `Bearer ${tokenOf(app)}` };
}

export function clientOf(app: App): ConsoleClient {
  return new ConsoleClient(app.url, tokenOf(app));
}
