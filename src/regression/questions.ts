// What there is to compare in results.
import { BeelineError } from '../errors.js';
import { describeMachine } from './fingerprint.js';
import { isExact, type Metric } from './metrics.js';
import { baseName, headName, isTogether, machinesOf, type RunResult, valuesOf, workloadsOf } from './result.js';
import type { Question } from './verdict.js';

/** How far ratios stray on this machine when nothing differs; NaN when nobody has measured it. */
export type NoiseOf = (workload: string, metric: Metric, pairs: number) => number;

export const unknownNoise: NoiseOf = () => Number.NaN;

/** Two subjects that were measured in pairs; `head` is judged. */
export function pairedQuestions(
  result: RunResult,
  subjects: { readonly base: string; readonly head: string },
  metric: Metric,
  noiseOf: NoiseOf = unknownNoise,
): Question[] {
  return workloadsOf(result).map((workload) => {
    const base = valuesOf(result, workload, subjects.base, metric);
    const head = valuesOf(result, workload, subjects.head, metric);
    const pairs = [...head.keys()].filter((pair) => base.has(pair));
    const take = (values: ReadonlyMap<number, number>) => pairs.map((pair) => values.get(pair) ?? Number.NaN);
    const noise = noiseOf(workload, metric, pairs.length);
    const exact = isExact({ icount: result.icount, metric });
    return { workload, metric, base: take(base), head: take(head), paired: true, exact, noise };
  });
}

function checkMachines(base: RunResult, head: RunResult): void {
  const all = [...machinesOf(base), ...machinesOf(head)];
  if (all.every(({ id }) => id === head.fingerprint.id)) return;
  const words = (result: RunResult) => machinesOf(result).map(describeMachine).join('; ');
  throw new BeelineError('BEELINE_E_BENCH_MACHINES', { detail: `base on ${words(base)}, head on ${words(head)}` });
}

/** Throws BEELINE_E_BENCH_TIME unless what is to be compared with it was measured in the same kind of time. */
export function checkTime({ id, icount }: RunResult, isCounted: boolean): void {
  if (icount === isCounted) return;
  const detail = `${id} ${icount ? 'was, the other was not' : 'was not, the other was'}`;
  throw new BeelineError('BEELINE_E_BENCH_TIME', { detail });
}

/**
 * Two results that were measured apart. Throws BEELINE_E_BENCH_TIME, BEELINE_E_BENCH_TOGETHER, and
 * BEELINE_E_BENCH_MACHINES unless `acrossMachines`.
 */
export function apartQuestions(
  base: RunResult,
  head: RunResult,
  metric: Metric,
  acrossMachines: boolean,
  noiseOf: NoiseOf = unknownNoise,
): Question[] {
  checkTime(base, head.icount);
  if (isTogether(base) !== isTogether(head)) {
    const shared = isTogether(base) ? base : head;
    throw new BeelineError('BEELINE_E_BENCH_TOGETHER', { detail: shared.id });
  }
  if (!acrossMachines) checkMachines(base, head);
  const known = workloadsOf(base);
  return workloadsOf(head)
    .filter((workload) => known.includes(workload))
    .map((workload) => {
      const values = (result: RunResult) => [...valuesOf(result, workload, headName, metric).values()];
      const noise = noiseOf(workload, metric, values(head).length);
      const exact = isExact({ icount: head.icount, metric });
      return { workload, metric, base: values(base), head: values(head), paired: false, exact, noise };
    });
}

export function hasBase({ subjects }: Pick<RunResult, 'subjects'>): boolean {
  return subjects.some(({ name }) => name === baseName);
}
