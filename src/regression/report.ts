// What a report tells about a result.
import type { ChangePointOptions } from './change-points.js';
import type { Metric } from './metrics.js';
import type { RunResult } from './result.js';
import type { Series } from './series.js';
import type { Comparison } from './verdict.js';

export const reportFormats = ['html', 'markdown'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export interface Report {
  readonly result: RunResult;
  /** What is compared with `head`: the subject's name, if there is any. */
  readonly base: string | undefined;
  readonly metric: Metric;
  readonly judged: readonly Comparison[];
  /** Other measures. */
  readonly shown: readonly Comparison[];
  /** Of the same machine. */
  readonly series: readonly Series[];
  readonly changes: ChangePointOptions;
  readonly ablation: RunResult | undefined;
}
