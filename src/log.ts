// The log: off unless BEELINE_LOG names a level; on standard error, readable on a terminal and JSON elsewhere.
import { type Logger, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

function createLog(): Logger {
  const wanted = process.env.BEELINE_LOG;
  const level = wanted !== undefined && levels.includes(wanted) ? wanted : 'silent';
  // Synchronous: what was logged before a crash is what one wants to read.
  const stream = process.stderr.isTTY
    ? PinoPretty({ destination: 2, sync: true })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, base: null }, stream);
}

let log: Logger | undefined;

export function getLog(): Logger {
  log ??= createLog();
  return log;
}
