// What the history says about one workload over time.
import { median } from 'simple-statistics';
import { type ChangePoint, type ChangePointOptions, changePoints, usualChangePoints } from './change-points.js';
import { type Metric, quietMetric } from './metrics.js';
import { headName, type RunResult, valuesOf, workloadsOf } from './result.js';

export interface SeriesPoint {
  /** Of the result. */
  readonly id: string;
  readonly startedAt: string;
  readonly revision: string;
  /** The median of its runs. */
  readonly value: number;
}

/** Of one machine, with or without counted guest time: what may be compared. */
export interface Series {
  readonly workload: string;
  readonly metric: Metric;
  readonly icount: boolean;
  readonly points: readonly SeriesPoint[];
}

function pointOf(result: RunResult, workload: string, metric: Metric): SeriesPoint[] {
  const values = [...valuesOf(result, workload, headName, metric).values()].filter((value) => value > 0);
  const revision = result.subjects.find(({ name }) => name === headName)?.revision;
  if (values.length === 0 || revision === undefined) return [];
  return [{ id: result.id, startedAt: result.startedAt, revision, value: median(values) }];
}

/**
 * Of results of one machine, oldest first; those of a Beeline with techniques switched off, and those that had to share
 * their core, are left out. Without a metric
 * that which is judged.
 */
export function seriesOf(results: readonly RunResult[], metric?: Metric): Series[] {
  const usual = results.filter(
    ({ purpose, subjects, together = false }) =>
      purpose === 'measure' &&
      !together &&
      subjects.some(({ name, disabled }) => name === headName && disabled.length === 0),
  );
  return [false, true].flatMap((icount) => {
    const own = usual.filter((result) => result.icount === icount);
    const one = metric ?? quietMetric(icount);
    return [...new Set(own.flatMap(workloadsOf))]
      .sort()
      .map((workload) => ({
        workload,
        metric: one,
        icount,
        points: own.flatMap((each) => pointOf(each, workload, one)),
      }))
      .filter(({ points }) => points.length > 0);
  });
}

export function changesIn({ points }: Series, options: ChangePointOptions = usualChangePoints): readonly ChangePoint[] {
  return changePoints(
    points.map(({ value }) => value),
    options,
  );
}
