// Events without end: connects again whenever the connection is lost, and goes on after the last event seen.
import type { MonitorClient } from './client.js';
import type { NoticeParams, Params } from './protocol.js';

export type EventNotice = NoticeParams<'monitor.event'>;

export interface FollowOptions {
  readonly connect: () => Promise<MonitorClient>;
  readonly filter: Omit<Params<'monitor.subscribe'>, 'cursor'>;
  /** Where to begin; without it with what happens next. */
  readonly cursor: string | undefined;
  readonly onEvent: (event: EventNotice) => void;
  /** Events that are not kept any more. */
  readonly onMissed: (count: number) => void;
  /** The connection was lost, or could not be made; it is tried again. */
  readonly onLost?: (error: unknown) => void;
  readonly onSubscribed?: (cursor: string) => void;
  readonly signal: AbortSignal;
}

const firstDelay = 100;
const longestDelay = 5000;

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}

/** Until the signal. Refusals of the daemon, such as a cursor it does not know, reject. */
export async function followEvents(options: FollowOptions): Promise<void> {
  const { filter, signal } = options;
  let { cursor } = options;
  let wait = firstDelay;
  while (!signal.aborted) {
    let client: MonitorClient;
    try {
      client = await options.connect();
    } catch (error) {
      options.onLost?.(error);
      await delay(wait, signal);
      wait = Math.min(2 * wait, longestDelay);
      continue;
    }
    const stop = () => client.close();
    signal.addEventListener('abort', stop);
    try {
      client.on('monitor.event', (event) => {
        cursor = event.cursor;
        options.onEvent(event);
      });
      client.on('monitor.missed', ({ count }) => options.onMissed(count));
      const begun = await client.call('monitor.subscribe', { ...filter, ...(cursor !== undefined && { cursor }) });
      cursor ??= begun.cursor;
      wait = firstDelay;
      if (begun.missed > 0) options.onMissed(begun.missed);
      options.onSubscribed?.(begun.cursor);
      const reason = await client.closed;
      if (!signal.aborted) options.onLost?.(reason);
    } catch (error) {
      if (!isLost(error)) throw error;
      options.onLost?.(error);
    } finally {
      signal.removeEventListener('abort', stop);
      client.close();
    }
    await delay(wait, signal);
  }
}

function isLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BEELINE_E_CONNECTION_LOST';
}
