import pino, { type LevelWithSilent, type Logger } from 'pino';
import { cut, escapeHidden } from './lib/text.ts';

/** Static message, facts as fields: `log.info({ run, guest }, 'step done')`; an error goes into the field `err`. */
export type Log = Logger;

/** The options of a log. */
export interface LogOptions {
  readonly level?: LevelWithSilent;
  /** Takes secrets out of every text of a record, keys and stacks too. */
  readonly gate: (text: string) => string;
  /** Lines for people. Default: when standard error is a terminal. */
  readonly pretty?: boolean;
  /** Default: standard error, so that standard output holds only the output of a command. */
  readonly destination?: { write(line: string): unknown };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Bytes of one text of a record; a stack is shorter. */
const longestFact = 16 * 1024;

/** One JSON object a line, or one readable line with the stack below it. */
export function createLog(options: LogOptions): Log {
  const { level = 'info', gate, pretty = process.stderr.isTTY === true } = options;
  const { destination = process.stderr, now = Date.now } = options;
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    {
      write(line) {
        // The values are masked, not the line: a cut inside an escape would break the JSON.
        const record = gated(JSON.parse(line), gate);
        destination.write(`${pretty && isRecord(record) ? humanLine(record) : JSON.stringify(record)}\n`);
      },
    },
  );
}

function gated(value: unknown, gate: (text: string) => string): unknown {
  if (typeof value === 'string') return cut(gate(value), longestFact);
  if (Array.isArray(value)) return value.map((item) => gated(item, gate));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [gate(key), gated(item, gate)]));
}

/** `12:00:05 warn  webhook refused  why="wrong signature"` */
function humanLine({ time, level, msg, err, ...facts }: Record<string, unknown>): string {
  const stack = isRecord(err) && typeof err['stack'] === 'string' ? err['stack'] : undefined;
  const shown = stack === undefined && err !== undefined ? { ...facts, err } : facts;
  const words = Object.entries(shown).map(([key, value]) => `${escapeHidden(key)}=${factText(value)}`);
  const head = `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${escapeHidden(typeof msg === 'string' ? msg : '')}`;
  const below = (stack ?? '').split('\n').map((line) => (line === '' ? '' : `\n    ${escapeHidden(line.trim())}`));
  return [head, ...words].join('  ').concat(...below);
}

function factText(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+=-]+$/.test(value)) return value;
  return escapeHidden(JSON.stringify(value));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
