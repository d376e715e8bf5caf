// What each technique is worth: how much slower the direct tier is without it.
import { type Column, markdownTable, threeFigures } from './markdown-table.js';
import type { Results } from './results.js';
import { Series } from './series.js';
import { geometricMean, pairedRatio } from './statistics.js';
import { groups } from './suite.js';

export const baseline = 'direct';

/** Every counter of switches out of translated code, whatever their cause. */
const isSwitch = (name: string) => /^switch/i.test(name);
const isInstructions = (name: string) => name === 'instructions';

function switchesPerMillion(series: Series, subject: string): string {
  const sum = (matches: (name: string) => boolean) =>
    series.workloads.reduce((all, workload) => all + (series.counter(workload, subject, matches) ?? 0), 0);
  const instructions = sum(isInstructions);
  return instructions === 0 ? '' : threeFigures((sum(isSwitch) / instructions) * 1e6);
}

/** Empty when no variant was measured. */
export function ablationTable(results: Results): string {
  const variants = results.subjects.filter(({ kind }) => kind === 'variant');
  if (variants.length === 0) return '';
  const series = new Series(results);
  const measured = groups.filter(({ workloads }) => workloads.some((name) => series.workloads.includes(name)));
  const columns: Column[] = [
    { title: 'switched off', align: 'left' },
    ...measured.map(({ title }): Column => ({ title, align: 'right' })),
    { title: 'switches a million instructions', align: 'right' },
  ];
  const cost = (subject: string, workloads: readonly string[]) => {
    const ratios = workloads
      .map((name) => pairedRatio(series.times(name, subject, 'seconds'), series.times(name, baseline, 'seconds')))
      .filter((value) => Number.isFinite(value));
    return ratios.length === 0 ? '' : threeFigures(geometricMean(ratios));
  };
  const rows = variants.map(({ name, disabled }) => [
    disabled.join(', '),
    ...measured.map(({ workloads }) => cost(name, workloads)),
    switchesPerMillion(series, name),
  ]);
  const nothing = ['nothing', ...measured.map(() => threeFigures(1)), switchesPerMillion(series, baseline)];
  return markdownTable(columns, [nothing, ...rows]);
}
