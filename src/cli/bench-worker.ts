// beeline bench worker: measures on this machine what others have put into a queue.
import { BeelineError, ExitStatus } from '../errors.js';
import { interruptibly, say } from './bench-run.js';

export interface WorkerCommandOptions {
  readonly queue: string;
  /** Seconds. */
  readonly lostAfter: number;
}

/** Interrupting it is the way to end it. */
export function runWorker({ queue, lostAfter }: WorkerCommandOptions): Promise<number> {
  return interruptibly(async (signal) => {
    const { work } = await import('../regression/redis-worker.js');
    await work({ url: queue, lostAfter, say }, signal);
    return signal.reason instanceof BeelineError ? signal.reason.status : ExitStatus.interrupted;
  });
}
