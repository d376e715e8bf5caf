// How many guest instructions Beeline's tiers executed, and how fast.
import { type Column, markdownTable, threeFigures } from './markdown-table.js';
import type { Results } from './results.js';
import { Series } from './series.js';
import { geometricMean } from './statistics.js';
import { groupOf } from './suite.js';

const isInstructions = (name: string) => name === 'instructions';

function total(series: Series, workload: string, subject: string): number {
  return series.of(workload, subject).reduce((sum, { wallSeconds }) => sum + wallSeconds, 0);
}

/** Empty when nothing was counted. */
export function instructionTable(results: Results): string {
  const series = new Series(results);
  const subjects = results.subjects.filter(({ kind }) => kind === 'beeline').map(({ name }) => name);
  const columns: Column[] = [
    { title: 'workload', align: 'left' },
    ...subjects.flatMap((name): Column[] => [
      { title: `${name}: million instructions`, align: 'right' },
      { title: 'million a second', align: 'right' },
    ]),
  ];
  const rates = new Map<string, number[]>(subjects.map((name) => [name, []]));
  // Where only a part of the work is timed, counts and times do not belong together.
  const wholes = series.workloads.filter((workload) => groupOf(workload).comparesWithNative);
  const rows = wholes.flatMap((workload) => {
    const cells = subjects.flatMap((name) => {
      const count = series.counter(workload, name, isInstructions);
      const rounds = series.of(workload, name).length;
      if (count === undefined || rounds === 0) return ['', ''];
      const rate = count / total(series, workload, name) / 1e6;
      if (rate > 0) rates.get(name)?.push(rate);
      return [threeFigures(count / rounds / 1e6), threeFigures(rate)];
    });
    return cells.every((cell) => cell === '') ? [] : [[workload, ...cells]];
  });
  if (rows.length === 0) return '';
  const means = subjects.flatMap((name) => ['', `**${threeFigures(geometricMean(rates.get(name) ?? []))}**`]);
  return markdownTable(columns, [...rows, ['**geometric mean**', ...means]]);
}
