// The order of the runs. What is to be compared runs at the same time on the same core of the host, where CPU time is what
// counts: the host's kernel switches from the one to the other every few milliseconds, and whatever makes the machine slow
// hits both alike. Otherwise it runs in turns, right next to each other, now the one first, now the other (ABBA).
import { readFileSync } from 'node:fs';
import { messageOf } from '../errors.js';
import type { Fingerprint } from './fingerprint.js';
import type { Machine } from './machine.js';
import { measure, type Outcome } from './measure.js';
import type { Run } from './result.js';
import type { Subject } from './subjects.js';
import type { Workload } from './workloads.js';

/** One run of every subject. It is never split, so that its ratios are those of one machine. */
export interface Pair {
  readonly workload: Workload;
  readonly pair: number;
}

export interface Setting {
  readonly subjects: readonly Subject[];
  /** Runs of each subject whose result does not count: they fill the caches of the host. */
  readonly warmUps: number;
  /** At the same time on one core, where a machine has one CPU. */
  readonly together: boolean;
  prepare(workload: Workload, signal: AbortSignal): Promise<Machine>;
}

export interface Observer {
  /** `machine` measured it; otherwise this one. */
  onRun(run: Run, machine?: Fingerprint): void;
  onWarmUp(workload: string, subject: string): void;
}

/** Has pairs measured, by whomever. */
export interface PairQueue {
  /** Each pair once, in any order. Rejects with the signal's reason when that comes. */
  carryOut(pairs: readonly Pair[], observer: Observer, signal: AbortSignal): Promise<void>;
}

interface Prepared {
  readonly machine: Machine;
  /** What fails once is not tried again; all the rest goes on. */
  taking: readonly Subject[];
}

/** The last of the host's cores that this process may use: others are more likely to use the first. */
function lastCore(): number {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(allowed?.split(/[,-]/).at(-1) ?? 0);
}

/** Measures pairs in this process, one after the other. */
export class PairRunner {
  readonly #setting: Setting;
  /** undefined for what could not be prepared. */
  readonly #prepared = new Map<string, Prepared | undefined>();

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** Rejects with the signal's reason when that comes. */
  async run({ workload, pair }: Pair, observer: Observer, signal: AbortSignal): Promise<void> {
    if (!this.#prepared.has(workload.name)) await this.#prepare(workload, pair, observer, signal);
    const prepared = this.#prepared.get(workload.name);
    if (prepared !== undefined) await this.#round(prepared, workload, pair, pair, observer, signal);
  }

  async #prepare(workload: Workload, pair: number, observer: Observer, signal: AbortSignal): Promise<void> {
    const { subjects, warmUps, prepare } = this.#setting;
    let prepared: Prepared;
    try {
      prepared = { machine: await prepare(workload, signal), taking: subjects };
    } catch (error) {
      signal.throwIfAborted();
      const detail = messageOf(error);
      for (const { description } of subjects) {
        const place = { workload: workload.name, subject: description.name, pair };
        observer.onRun({ ...place, status: 'failed', kind: 'not-started', phase: null, detail });
      }
      this.#prepared.set(workload.name, undefined);
      return;
    }
    for (let round = -warmUps; round < 0; round++) await this.#round(prepared, workload, pair, round, observer, signal);
    this.#prepared.set(workload.name, prepared);
  }

  /** Rounds below 0 warm up. */
  async #round(
    prepared: Prepared,
    workload: Workload,
    pair: number,
    round: number,
    observer: Observer,
    signal: AbortSignal,
  ): Promise<void> {
    const { machine, taking } = prepared;
    const order = round % 2 === 0 ? taking : taking.toReversed();
    const note = (subject: Subject, outcome: Outcome) => {
      const { name } = subject.description;
      if (outcome.status === 'failed') prepared.taking = prepared.taking.filter((other) => other !== subject);
      if (round < 0 && outcome.status === 'done') observer.onWarmUp(workload.name, name);
      else observer.onRun({ workload: workload.name, subject: name, pair, ...outcome });
    };
    if (this.#setting.together && machine.cpus === 1) {
      const shared = { core: lastCore(), sharers: order.length };
      const outcomes = order.map((subject) => measure(workload, machine, subject, signal, shared));
      // None is left behind when the signal has come.
      await Promise.allSettled(outcomes);
      for (const [index, subject] of order.entries()) note(subject, (await outcomes[index]) as Outcome);
    } else {
      for (const subject of order) note(subject, await measure(workload, machine, subject, signal));
    }
  }
}

export interface Plan extends Setting {
  readonly workloads: readonly Workload[];
  readonly pairs: number;
  /** Otherwise this process measures. */
  readonly queue?: PairQueue | undefined;
}

/** Rejects with the signal's reason when that comes. */
export async function carryOut(plan: Plan, observer: Observer, signal: AbortSignal): Promise<void> {
  const pairs = plan.workloads.flatMap((workload) =>
    Array.from({ length: plan.pairs }, (_, pair): Pair => ({ workload, pair })),
  );
  await (plan.queue ?? new LocalQueue(plan)).carryOut(pairs, observer, signal);
}

class LocalQueue implements PairQueue {
  readonly #runner: PairRunner;

  constructor(setting: Setting) {
    this.#runner = new PairRunner(setting);
  }

  async carryOut(pairs: readonly Pair[], observer: Observer, signal: AbortSignal): Promise<void> {
    for (const pair of pairs) await this.#runner.run(pair, observer, signal);
  }
}
