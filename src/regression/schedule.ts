// The order of the runs. What is to be compared runs right next to each other, now the one first, now the other (ABBA), so
// that whatever slows the machine down for a while, or more and more, hits both alike.
import { messageOf } from '../errors.js';
import type { Machine } from './machine.js';
import { measure } from './measure.js';
import type { Run } from './result.js';
import type { Subject } from './subjects.js';
import type { Workload } from './workloads.js';

export interface Plan {
  readonly workloads: readonly Workload[];
  readonly subjects: readonly Subject[];
  readonly pairs: number;
  /** Runs of each subject whose result does not count: they fill the caches of the host. */
  readonly warmUps: number;
  prepare(workload: Workload, signal: AbortSignal): Promise<Machine>;
}

export interface Observer {
  onRun(run: Run): void;
  onWarmUp(workload: string, subject: string): void;
}

/** What fails once is not tried again; all the rest goes on. Rejects with the signal's reason when that comes. */
export async function carryOut(plan: Plan, observer: Observer, signal: AbortSignal): Promise<void> {
  for (const workload of plan.workloads) {
    const place = (subject: Subject, pair: number) => ({
      workload: workload.name,
      subject: subject.description.name,
      pair,
    });
    let machine: Machine;
    try {
      machine = await plan.prepare(workload, signal);
    } catch (error) {
      signal.throwIfAborted();
      const detail = messageOf(error);
      for (const subject of plan.subjects) {
        observer.onRun({ ...place(subject, 0), status: 'failed', kind: 'not-started', phase: null, detail });
      }
      continue;
    }
    let taking = [...plan.subjects];
    const take = async (subject: Subject, pair: number, isWarmUp: boolean) => {
      const outcome = await measure(workload, machine, subject, signal);
      if (outcome.status === 'failed') taking = taking.filter((other) => other !== subject);
      if (isWarmUp && outcome.status === 'done') observer.onWarmUp(workload.name, subject.description.name);
      else observer.onRun({ ...place(subject, pair), ...outcome });
    };
    for (let round = -plan.warmUps; round < plan.pairs; round++) {
      const order = round % 2 === 0 ? taking : taking.toReversed();
      for (const subject of order) await take(subject, Math.max(0, round), round < 0);
    }
  }
}
