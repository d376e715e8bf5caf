// Takes pairs from the queue on Redis and measures them on this machine, one at a time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { type Job, Worker } from 'bullmq';
import { describeRevision } from '../bench/environment.js';
import { findQemu } from '../bench/qemu.js';
import { messageOf } from '../errors.js';
import { projectRoot } from '../paths.js';
import { describeMachine, machineFingerprint } from './fingerprint.js';
import { prepareMachine } from './machine.js';
import { type PairJob, PairJobSchema, type PairOutcome, queueName } from './pair-job.js';
import { checkUrl, connect, waitUntilReady } from './redis-connection.js';
import type { Run } from './result.js';
import { builtRevision } from './revisions.js';
import { PairRunner } from './schedule.js';
import { beelineSubject, qemuSubject, type Subject } from './subjects.js';

/** How often a job may lose its worker before it counts as failed. */
const mostLosses = 3;
const firstPatience = 10_000;

export interface WorkerOptions {
  readonly url: string;
  /** Seconds after which a worker that says nothing counts as lost, and its job is given to another. */
  readonly lostAfter: number;
  say(line: string): void;
}

/** undefined when there is no Beeline, as in a folder that only the other machine has. */
function revisionOf(root: string): string | undefined {
  try {
    return describeRevision(root);
  } catch {
    return undefined;
  }
}

/** That folder when it is the same Beeline, otherwise this one, otherwise a revision that is built for it. */
async function rootOf(
  { program, description: { revision } }: PairJob['subjects'][number],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  if (revisionOf(program) === revision) return await builtRevision('--queue', program, say, signal);
  // What differs from a commit may differ otherwise here.
  if (revision.endsWith('+'))
    throw new Error(`${revision} is not at ${program} here, and what it changes is in no commit`);
  const what = describeRevision() === revision ? projectRoot : (revision.split(' ')[1] ?? revision);
  return await builtRevision('--queue', what, say, signal);
}

async function subjectOf(
  subject: PairJob['subjects'][number],
  icount: boolean,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Subject> {
  const { name, kind, disabled } = subject.description;
  if (kind === 'beeline') return beelineSubject({ name, root: await rootOf(subject, say, signal), disabled, icount });
  const qemu = await findQemu(subject.program);
  if (qemu === undefined) throw new Error(`there is no ${subject.program} that runs`);
  return qemuSubject(qemu);
}

/** What was prepared for a batch stays until another one comes; so does that it could not be prepared. */
class Batch {
  readonly name: string;
  readonly #runner: Promise<PairRunner>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'beeline-bench-'));

  constructor(job: PairJob, say: (line: string) => void, signal: AbortSignal) {
    this.name = job.batch;
    this.#runner = this.#prepare(job, say, signal);
    // Told to whoever runs a pair.
    this.#runner.catch(() => undefined);
  }

  async #prepare(
    { subjects: wanted, warmUps, together, icount }: PairJob,
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<PairRunner> {
    const subjects: Subject[] = [];
    for (const subject of wanted) subjects.push(await subjectOf(subject, icount, say, signal));
    return new PairRunner({
      subjects,
      warmUps,
      together,
      prepare: (workload, stop) => prepareMachine(workload, this.#folder, icount, stop),
    });
  }

  async run({ name, workload, pair }: PairJob, signal: AbortSignal): Promise<Run[]> {
    const runner = await this.#runner;
    const runs: Run[] = [];
    const observer = { onRun: (run: Run) => runs.push(run), onWarmUp: () => undefined };
    await runner.run({ workload: { ...workload, name }, pair }, observer, signal);
    return runs;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Until the signal comes. Rejects with BEELINE_E_BENCH_QUEUE when nobody answers there at first. */
export async function work({ url, lostAfter, say }: WorkerOptions, signal: AbortSignal): Promise<void> {
  checkUrl(url);
  const fingerprint = machineFingerprint();
  const connection = connect(url, true);
  let batch: Batch | undefined;

  const measurePair = async (job: Job<unknown>): Promise<PairOutcome> => {
    const { data } = job;
    if (!Value.Check(PairJobSchema, data)) throw new Error('this worker is of another version of Beeline');
    if (batch?.name !== data.batch) {
      batch?.close();
      batch = new Batch(data, say, signal);
    }
    const runs = await batch.run(data, signal);
    say(`${job.id}: ${runs.map(({ subject, status }) => `${subject} ${status}`).join(', ')}`);
    return { fingerprint, runs };
  };

  /** A job that is broken off has no end: its lock runs out, and another worker gets it. */
  const carryOut = (job: Job<unknown>) =>
    measurePair(job).catch((error: unknown) =>
      signal.aborted ? new Promise<never>(() => undefined) : Promise.reject(error),
    );

  let worker: Worker | undefined;
  try {
    await waitUntilReady(url, connection, firstPatience);
    worker = new Worker(queueName, carryOut, {
      connection,
      name: fingerprint.id,
      concurrency: 1,
      lockDuration: lostAfter * 1000,
      stalledInterval: lostAfter * 1000,
      maxStalledCount: mostLosses,
    });
    worker.on('error', (error) => say(`queue: ${messageOf(error)}`));
    worker.on('failed', (job, error) => say(`${job?.id ?? 'a job'}: ${error.message}`));
    await worker.waitUntilReady();
    say(`worker on machine ${describeMachine(fingerprint)}`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    // What it was at is given to another: nobody waits for it here.
    await Promise.race([worker?.close(true), new Promise((resolve) => setTimeout(resolve, 1000))]);
    connection.disconnect();
    batch?.close();
  }
}
