// Results and comparisons as tables, whatever they are shown in.
import { median } from 'simple-statistics';
import { type Column, threeFigures } from '../bench/markdown-table.js';
import { type ChangePointOptions, effectOf } from './change-points.js';
import type { Metric } from './metrics.js';
import { repeatability } from './repeatability.js';
import { doneRuns, type RunResult, workloadsOf } from './result.js';
import { changesIn, type Series } from './series.js';
import type { Comparison } from './verdict.js';

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

/** Ratios near 1 need more figures than times do. */
function ratioText(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : '';
}

export function amount(metric: string, values: readonly number[]): string {
  const middle = median([...values]);
  if (metric === 'memory') return `${threeFigures(middle / 1024 ** 2)} MiB`;
  if (metric === 'instructions') return `${threeFigures(middle / 1e6)} M`;
  return `${threeFigures(middle)} s`;
}

export function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

function pText(p: number): string {
  return p < 0.001 ? '<0.001' : p.toFixed(3);
}

/** The titles say what is divided by what. */
export function comparisonTable(
  comparisons: readonly Comparison[],
  titles: { readonly base: string; readonly head: string },
  withVerdict: boolean,
): Table {
  const columns = [
    left('workload'),
    left('measure'),
    right(titles.base),
    right(titles.head),
    right(`${titles.head} / ${titles.base}`),
    right('95 % interval'),
    right('runs'),
    ...(withVerdict ? [right('p'), right('matters from'), left('verdict')] : []),
  ];
  const rows = comparisons.map(({ workload, metric, base, head, ratio, interval, p, threshold, verdict }) => [
    workload,
    metric,
    amount(metric, base),
    amount(metric, head),
    ratioText(ratio),
    `${ratioText(interval.low)} to ${ratioText(interval.high)}`,
    String(Math.min(base.length, head.length)),
    ...(withVerdict ? [pText(p), share(threshold), verdict] : []),
  ]);
  return { columns, rows };
}

/** Medians of each phase. */
export function phaseTable(result: RunResult): Table {
  const names = result.subjects.map(({ name }) => name);
  const columns = [
    left('workload'),
    left('phase'),
    ...names.flatMap((name) => [right(`${name}: wall`), right('CPU'), right('instructions')]),
  ];
  const rows = workloadsOf(result).flatMap((workload) => {
    const runs = names.map((name) => doneRuns(result, workload, name));
    const phases = runs.find((some) => some.length > 0)?.[0]?.phases.map(({ name }) => name) ?? [];
    const cell = (metric: Metric, values: readonly (number | undefined)[]) => {
      const known = values.filter((value) => value !== undefined);
      return known.length === 0 ? '' : amount(metric, known);
    };
    return phases.map((phase, index) => [
      workload,
      phase,
      ...runs.flatMap((some) => {
        const found = some.map(({ phases }) => phases[index]);
        return [
          cell(
            'wall',
            found.map((one) => one?.wallSeconds),
          ),
          cell(
            'cpu',
            found.map((one) => one?.cpuSeconds),
          ),
          cell(
            'instructions',
            found.map((one) => one?.instructions),
          ),
        ];
      }),
    ]);
  });
  return { columns, rows };
}

/** Where a series changed for good, newest first. */
export function changeTable(series: readonly Series[], options: ChangePointOptions): Table {
  const columns = [
    left('workload'),
    left('measure'),
    left('since'),
    left('result'),
    left('revision before'),
    left('revision'),
    right('before'),
    right('after'),
    right('change'),
    right('p'),
  ];
  const changes = series
    .flatMap((one) => changesIn(one, options).map((change) => ({ one, change, since: one.points[change.index] })))
    .sort((a, b) => (b.since?.startedAt ?? '').localeCompare(a.since?.startedAt ?? ''));
  const rows = changes.map(({ one: { workload, metric, icount, points }, change, since }) => [
    workload,
    icount ? `${metric}, --icount` : metric,
    since?.startedAt.slice(0, 16) ?? '',
    since?.id ?? '',
    points[change.index - 1]?.revision ?? '',
    since?.revision ?? '',
    amount(metric, [change.before]),
    amount(metric, [change.after]),
    `${change.after > change.before ? '+' : ''}${share(effectOf(change))}`,
    pText(change.p),
  ]);
  return { columns, rows };
}

/** With counted guest time: how many of the runs had the same instruction counts in every phase. */
export function repeatabilityTable(result: RunResult): Table {
  const columns = [left('workload'), left('subject'), right('instructions'), right('identical runs')];
  const rows = repeatability(result).map(({ workload, subject, instructions, runs, identical }) => {
    const text = `${identical} of ${runs}`;
    return [workload, subject, String(instructions), text];
  });
  return { columns, rows };
}
