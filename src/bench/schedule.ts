// The order of the measurements: in each round every workload runs on every subject, one right after the other, so that
// the noise of the machine is shared by what will be compared.
import { GuestError } from './console.js';
import type { Failure, Measurement } from './results.js';
import type { Subject } from './subject.js';

export interface Plan {
  readonly subjects: readonly Subject[];
  readonly workloads: readonly { readonly name: string; readonly cpus: number }[];
  readonly rounds: number;
  /** In how many rounds a subject takes part. */
  roundsOf(subject: Subject): number;
}

export interface Observer {
  onMeasurement(measurement: Measurement): void;
  onFailure(failure: Failure): void;
}

/**
 * What fails once (a guest that hangs, dies or does not boot) is told, and not tried again. Rejects with the signal's
 * reason when that comes; what was measured until then has been told.
 */
export async function carryOut(plan: Plan, observer: Observer, signal: AbortSignal): Promise<void> {
  const given = new Set<string>();
  const giveUp = (subject: Subject, cpus: number, workload: string) =>
    given.add(`${subject.description.name}/${cpus}/${workload}`);
  const hasGivenUp = (subject: Subject, cpus: number, workload: string) =>
    given.has(`${subject.description.name}/${cpus}/${workload}`);

  const failure = (subject: Subject, cpus: number, workload: string, round: number, error: unknown) => {
    if (!(error instanceof GuestError)) throw error;
    giveUp(subject, cpus, workload);
    observer.onFailure({ workload, subject: subject.description.name, round, reason: error.message });
  };

  // All guests boot first: from then on those that are not measured wait at their prompts.
  for (const cpus of new Set(plan.workloads.map((workload) => workload.cpus))) {
    for (const subject of plan.subjects) {
      await subject.prepare(cpus, signal).catch((error: unknown) => failure(subject, cpus, '', 0, error));
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    const taking = plan.subjects.filter((subject) => round < plan.roundsOf(subject));
    // Back and forth, so that nobody always comes first.
    const order = round % 2 === 0 ? taking : taking.toReversed();
    for (const { name: workload, cpus } of plan.workloads) {
      for (const subject of order) {
        if (hasGivenUp(subject, cpus, '') || hasGivenUp(subject, cpus, workload)) continue;
        try {
          const taken = await subject.run(workload, cpus, signal);
          observer.onMeasurement({ workload, subject: subject.description.name, round, ...taken });
        } catch (error) {
          failure(subject, cpus, workload, round, error);
        }
      }
    }
  }
}
