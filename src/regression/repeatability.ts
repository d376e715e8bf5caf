// Whether runs with counted guest time were the same, to the instruction.
import { type DoneRun, doneRuns, type RunResult, workloadsOf } from './result.js';

export interface Repeatability {
  readonly workload: string;
  readonly subject: string;
  readonly runs: number;
  /** The most runs that had the same instruction counts in every phase. */
  readonly identical: number;
  /** Of those runs, in all phases. */
  readonly instructions: number;
}

function counts({ phases, total }: DoneRun): string {
  return JSON.stringify([...phases, total].map(({ instructions }) => instructions));
}

/** Of the runs that were not cut short; nothing for what does not measure instructions. */
export function repeatability(result: Pick<RunResult, 'runs' | 'subjects'>): Repeatability[] {
  return workloadsOf(result).flatMap((workload) =>
    result.subjects.flatMap(({ name: subject }) => {
      const runs = doneRuns(result, workload, subject).filter(({ total }) => total.instructions !== undefined);
      const groups = new Map<string, DoneRun[]>();
      for (const run of runs) groups.set(counts(run), [...(groups.get(counts(run)) ?? []), run]);
      const largest = [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? [];
      const instructions = largest[0]?.total.instructions;
      if (instructions === undefined) return [];
      return [{ workload, subject, runs: runs.length, identical: largest.length, instructions }];
    }),
  );
}
