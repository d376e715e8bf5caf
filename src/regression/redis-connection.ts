// Connections to Redis that never keep anybody waiting for good.
import { Redis } from 'ioredis';
import { BeelineError, messageOf } from '../errors.js';

/** How long Redis may take for one answer, in milliseconds. */
const answerLimit = 10_000;
/** Between attempts to reach it, in milliseconds. */
const retryDelay = 500;

/** Without the password. */
export function describeUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return url;
  }
}

export function queueError(url: string, detail: string, cause?: unknown): BeelineError {
  return new BeelineError('BEELINE_E_BENCH_QUEUE', { url: describeUrl(url), detail }, cause);
}

/** Throws BEELINE_E_BENCH_QUEUE. */
export function checkUrl(url: string): void {
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw queueError(url, 'it is no redis:// address');
}

/** Tries again for ever when it is lost; a worker's commands wait for it, others fail at once. */
export function connect(url: string, isWorker: boolean): Redis {
  const connection = new Redis(url, {
    maxRetriesPerRequest: isWorker ? null : 0,
    enableOfflineQueue: isWorker,
    retryStrategy: () => retryDelay,
    reconnectOnError: () => false,
    lazyConnect: false,
  });
  // Whoever uses it learns of errors by what it asks for.
  connection.on('error', () => undefined);
  return connection;
}

/** Rejects when that takes too long, too. */
export async function answer<T>(asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${answerLimit / 1000} s`)), answerLimit);
  });
  try {
    return await Promise.race([asked, over]);
  } finally {
    clearTimeout(timer);
    asked.catch(() => undefined);
  }
}

/** Rejects with BEELINE_E_BENCH_QUEUE when nobody answers there for `patience` milliseconds. */
export async function waitUntilReady(url: string, connection: Redis, patience: number): Promise<void> {
  let last = 'nobody answers';
  const remember = (error: unknown) => {
    last = messageOf(error);
  };
  connection.on('error', remember);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(queueError(url, last)), patience);
      const ready = () => {
        clearTimeout(timer);
        resolve();
      };
      if (connection.status === 'ready') ready();
      else connection.once('ready', ready);
    });
  } finally {
    connection.off('error', remember);
  }
}
