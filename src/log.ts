// The log: off unless BEELINE_LOG names a level; on standard error, readable on a terminal and JSON elsewhere.
import type { Logger } from 'pino';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

let log: Promise<Logger> | undefined;

async function createLog(level: string): Promise<Logger> {
  const { pino } = await import('pino');
  const { PinoPretty } = await import('pino-pretty');
  // Synchronous: what was logged before a crash is what one wants to read.
  const stream = process.stderr.isTTY
    ? PinoPretty({ destination: 2, sync: true })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, base: null }, stream);
}

/** undefined when logging is off; the logger's modules are loaded only when it is on. */
export function getLog(): Promise<Logger> | undefined {
  const level = process.env.BEELINE_LOG ?? '';
  if (levels.includes(level)) log ??= createLog(level);
  return log;
}
