import { type Logger as BoltLogger, LogLevel } from '@slack/bolt';
import type { Log } from '../../log.ts';

export type { BoltLogger };

/** Slack's libraries log into ours; their debug lines hold whole requests and are dropped. */
export function boltLogger(log: Log, part: string): BoltLogger {
  const words = (messages: readonly unknown[]): { readonly part: string; readonly said: string } => ({
    part,
    said: messages.map(String).join(' '),
  });
  return {
    debug: () => undefined,
    info: (...messages) => log.debug(words(messages), 'said by the Slack library'),
    warn: (...messages) => log.warn(words(messages), 'said by the Slack library'),
    error: (...messages) => log.error(words(messages), 'said by the Slack library'),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}
