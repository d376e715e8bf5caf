// What each technique of the direct tier is worth: the same work with all of them, and without them.
import { median } from 'simple-statistics';
import { geometricMean } from '../bench/statistics.js';
import { everything } from './ablation-names.js';
import type { Metric } from './metrics.js';
import { type DoneRun, doneRuns, headName, metricOf, type RunResult, workloadsOf } from './result.js';
import { beelineSubject, type Subject } from './subjects.js';
import { type Interval, medianInterval } from './tests.js';

/** This Beeline with all techniques, and once more for each of `names` without it. */
export function ablationSubjects(root: string, names: readonly string[], techniques: readonly string[]): Subject[] {
  const without = (name: string) =>
    beelineSubject({ name: `without ${name}`, root, disabled: name === everything ? techniques : [name] });
  return [beelineSubject({ name: headName, root, disabled: [] }), ...names.map(without)];
}

export interface AblationBar {
  /** Of the subject. */
  readonly name: string;
  readonly disabled: readonly string[];
  /** What switching off costs: the median over the rounds of geometric means over the workloads. */
  readonly ratio: number;
  readonly interval: Interval;
  /** Median ratios. */
  readonly byWorkload: ReadonlyMap<string, number>;
  /** Switches out of translated code; undefined where they were not counted. */
  readonly switchesPerMillion: number | undefined;
}

/** Phases before the last one boot the guest, which would hide what the work itself loses. */
function workOf(run: DoneRun, metric: Metric): number | undefined {
  if (metric === 'memory') return run.total.peakMemoryBytes;
  const last = run.phases.at(-1);
  return last === undefined ? undefined : metricOf({ total: last }, metric);
}

function switchesPerMillion(result: RunResult, subject: string): number | undefined {
  const counters = workloadsOf(result)
    .flatMap((workload) => doneRuns(result, workload, subject))
    .map(({ phases }) => phases.at(-1)?.counters ?? {});
  const sum = (matches: (name: string) => boolean) =>
    counters
      .flatMap((all) => Object.entries(all))
      .reduce((total, [name, count]) => (matches(name) ? total + count : total), 0);
  const instructions = sum((name) => name === 'instructions');
  return instructions === 0 ? undefined : (sum((name) => name.startsWith('switch-')) / instructions) * 1e6;
}

/** Ratios by pair of what both have measured. */
function ratiosOf(result: RunResult, workload: string, subject: string, metric: Metric): ReadonlyMap<number, number> {
  const values = (name: string) =>
    new Map(doneRuns(result, workload, name).map((run) => [run.pair, workOf(run, metric) ?? Number.NaN]));
  const base = values(headName);
  const ratios = [...values(subject)].map(([pair, value]) => [pair, value / (base.get(pair) ?? Number.NaN)] as const);
  return new Map(ratios.filter(([, ratio]) => Number.isFinite(ratio) && ratio > 0));
}

/** One bar for each subject without something, in the order of the subjects; those without any ratio are left out. */
export function ablationBars(result: RunResult, metric: Metric): AblationBar[] {
  return result.subjects
    .filter(({ name }) => name !== headName)
    .flatMap(({ name, disabled }) => {
      const ratios = new Map(
        workloadsOf(result)
          .map((workload) => [workload, ratiosOf(result, workload, name, metric)] as const)
          .filter(([, byPair]) => byPair.size > 0),
      );
      const all = [...ratios.values()];
      // Only rounds with every workload: means over different workloads are not comparable.
      const rounds = [...(all[0]?.keys() ?? [])].filter((pair) => all.every((byPair) => byPair.has(pair)));
      if (rounds.length === 0) return [];
      const means = rounds.map((pair) => geometricMean(all.map((byPair) => byPair.get(pair) ?? Number.NaN)));
      return [
        {
          name,
          disabled,
          ratio: median(means),
          interval: medianInterval(means),
          byWorkload: new Map([...ratios].map(([workload, byPair]) => [workload, median([...byPair.values()])])),
          switchesPerMillion: switchesPerMillion(result, name),
        },
      ];
    });
}

/** Of everything with all techniques. */
export function usualSwitches(result: RunResult): number | undefined {
  return switchesPerMillion(result, headName);
}
