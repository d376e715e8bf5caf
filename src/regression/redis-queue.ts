// A queue on Redis that workers on any machine take pairs from. Jobs are remembered here until their results have landed:
// Redis may be gone for a while, and may have forgotten them when it comes back.
import { setTimeout as delay } from 'node:timers/promises';
import { Value } from '@sinclair/typebox/value';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.js';
import { type PairJob, PairOutcomeSchema, queueName } from './pair-job.js';
import { answer, checkUrl, connect, waitUntilReady } from './redis-connection.js';
import type { FailureKind } from './result.js';
import type { Observer, Pair, PairQueue } from './schedule.js';
import type { Subject } from './subjects.js';

/** How often results are looked for, in milliseconds. */
const pollInterval = 250;
/** So many looks apart it is made sure that nothing was forgotten. */
const checkEvery = 8;
/** Seconds that results stay when nobody fetches them. */
const keptFor = 3600;

export interface RedisQueueOptions {
  readonly url: string;
  readonly batch: string;
  readonly subjects: readonly Subject[];
  readonly warmUps: number;
  readonly together: boolean;
  readonly icount: boolean;
  /** Seconds without Redis, or without any worker, after which what is left counts as failed. */
  readonly patience: number;
  say(line: string): void;
}

export class RedisQueue implements PairQueue {
  readonly #options: RedisQueueOptions;
  readonly #connection: Redis;
  readonly #queue: Queue;
  readonly #outstanding = new Map<string, Pair>();
  /** What counts as failed and may still wait in Redis. */
  readonly #givenUp: string[] = [];
  /** When Redis and a worker were there last. */
  #lastWell = Date.now();
  #trouble = '';
  /** How many workers there were last; -1 before that is known. */
  #workers = -1;

  private constructor(options: RedisQueueOptions, connection: Redis) {
    this.#options = options;
    this.#connection = connection;
    this.#queue = new Queue(queueName, { connection });
    this.#queue.on('error', () => undefined);
  }

  /** Rejects with BEELINE_E_BENCH_QUEUE when nobody answers there. */
  static async connect(options: RedisQueueOptions): Promise<RedisQueue> {
    checkUrl(options.url);
    const connection = connect(options.url, false);
    try {
      await waitUntilReady(options.url, connection, Math.min(options.patience, 10) * 1000);
    } catch (error) {
      connection.disconnect();
      throw error;
    }
    return new RedisQueue(options, connection);
  }

  async carryOut(pairs: readonly Pair[], observer: Observer, signal: AbortSignal): Promise<void> {
    for (const pair of pairs) {
      this.#outstanding.set(`${this.#options.batch}-${pair.workload.name}-${pair.pair}`, pair);
    }
    try {
      for (let look = 0; this.#outstanding.size > 0; look++) {
        signal.throwIfAborted();
        await this.#attempt(async () => {
          // All of them at first; later what Redis has forgotten.
          if (look % checkEvery === 0) await this.#addMissing();
          await this.#collect(observer);
          if (look % checkEvery === 0) await this.#lookForWorkers();
        });
        if (Date.now() - this.#lastWell > this.#options.patience * 1000) this.#giveUp(observer);
        else if (this.#outstanding.size > 0) await delay(pollInterval, undefined, { signal }).catch(() => undefined);
      }
      signal.throwIfAborted();
    } finally {
      await this.#close();
    }
  }

  /** Trouble is told once, and again when it is over. */
  async #attempt(body: () => Promise<void>): Promise<void> {
    let trouble = '';
    try {
      await body();
    } catch (error) {
      trouble = `Redis is gone: ${messageOf(error)}`;
    }
    if (trouble === '' && this.#workers === 0) trouble = 'there is no worker';
    if (trouble === '') this.#lastWell = Date.now();
    const kind = trouble.split(':')[0];
    if (kind !== this.#trouble.split(':')[0]) {
      const { say, patience } = this.#options;
      say(trouble === '' ? 'the queue goes on' : `queue: ${trouble}; waiting for ${patience} s`);
    }
    this.#trouble = trouble;
  }

  async #lookForWorkers(): Promise<void> {
    const workers = await answer(this.#queue.getWorkers());
    if (workers.length !== this.#workers && workers.length > 0) {
      // Workers call their connections by their machine, behind the name of the queue.
      const machines = [...new Set(workers.map(({ rawname = '' }) => rawname.split(':').at(-1)))].sort();
      const count = `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}`;
      this.#options.say(`${count}, on ${machines.length === 1 ? 'machine' : 'machines'} ${machines.join(', ')}`);
    }
    this.#workers = workers.length;
  }

  #jobFor({ workload, pair }: Pair): PairJob {
    const { name, ...definition } = workload;
    const { batch, subjects, warmUps, together, icount } = this.#options;
    return {
      schema: 'beeline.bench-job.1',
      batch,
      name,
      workload: definition,
      pair,
      subjects: subjects.map(({ description, program }) => ({ description, program })),
      warmUps,
      together,
      icount,
    };
  }

  /** A job that is there already stays as it is: its id is its own. */
  async #addMissing(): Promise<void> {
    const states = await Promise.all(
      [...this.#outstanding.keys()].map(async (id) => [id, await answer(this.#queue.getJobState(id))] as const),
    );
    const missing = states.filter(([, state]) => state === 'unknown').map(([id]) => id);
    const jobs = missing.flatMap((id) => {
      const pair = this.#outstanding.get(id);
      const opts = { jobId: id, removeOnComplete: { age: keptFor }, removeOnFail: { age: keptFor } };
      return pair === undefined ? [] : [{ name: 'pair', data: this.#jobFor(pair), opts }];
    });
    if (jobs.length > 0) await answer(this.#queue.addBulk(jobs));
  }

  async #collect(observer: Observer): Promise<void> {
    const ended = await answer(this.#queue.getJobs(['completed', 'failed']));
    for (const job of ended) {
      const id = job?.id ?? '';
      const pair = this.#outstanding.get(id);
      if (pair === undefined) continue;
      // Each lands once, whatever happens to Redis or the worker from now on.
      this.#outstanding.delete(id);
      const outcome: unknown = job.returnvalue;
      if (Value.Check(PairOutcomeSchema, outcome)) {
        for (const run of outcome.runs) observer.onRun(run, outcome.fingerprint);
      } else {
        const reason = job.failedReason ?? 'the worker gave back no result';
        this.#fail(pair, /stalled/.test(reason) ? 'queue-lost' : 'not-started', reason, observer);
      }
      await answer(job.remove());
    }
  }

  #fail({ workload, pair }: Pair, kind: FailureKind, detail: string, observer: Observer): void {
    for (const { description } of this.#options.subjects) {
      const place = { workload: workload.name, subject: description.name, pair };
      observer.onRun({ ...place, status: 'failed', kind, phase: null, detail });
    }
  }

  #giveUp(observer: Observer): void {
    for (const [id, pair] of this.#outstanding) {
      this.#fail(pair, 'queue-lost', this.#trouble, observer);
      this.#givenUp.push(id);
    }
    this.#outstanding.clear();
  }

  /** Takes back what nobody has begun. */
  async #close(): Promise<void> {
    try {
      for (const id of [...this.#givenUp, ...this.#outstanding.keys()]) await answer(this.#queue.remove(id));
      await answer(this.#queue.close());
    } catch {
      // Redis is gone, or a worker is at it: it ends by itself, and its result is dropped in time.
    } finally {
      this.#connection.disconnect();
    }
  }
}
