// Signals that end a command.
import { constants } from 'node:os';

const ending = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
export type EndingSignal = (typeof ending)[number];

/** As shells report a process that a signal ended. */
export function signalStatus(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Calls `handler` at the first signal; a second one ends the process at once (exit listeners still run, so the terminal
 * is restored). Returns what undoes it.
 */
export function onEndingSignal(handler: (signal: EndingSignal) => void): () => void {
  let seen = false;
  const listener = (signal: NodeJS.Signals) => {
    const name = ending.find((candidate) => candidate === signal) ?? 'SIGTERM';
    if (seen) process.exit(signalStatus(name));
    seen = true;
    handler(name);
  };
  for (const signal of ending) process.on(signal, listener);
  return () => {
    for (const signal of ending) process.off(signal, listener);
  };
}
