// The daemon's log: standard error, JSON or readable on a terminal, and its end in memory for log.read.
import { type Logger, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type DaemonLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const keptLines = 1000;

export class LogTail {
  readonly #lines: string[] = [];

  write(line: string): void {
    this.#lines.push(line.trimEnd());
    if (this.#lines.length > keptLines) this.#lines.shift();
  }

  last(count: number): string[] {
    return this.#lines.slice(-count);
  }
}

export function createDaemonLog(level: string, tail: LogTail): DaemonLog {
  const out = process.stderr.isTTY
    ? PinoPretty({ destination: 2, sync: true })
    : pino.destination({ dest: 2, sync: true });
  const streams = [
    { level: 'trace' as const, stream: out },
    { level: 'trace' as const, stream: tail },
  ];
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.multistream(streams));
}
