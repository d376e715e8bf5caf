// The main table: how long each workload takes on each subject, and how they compare.
import { type Column, markdownTable, threeFigures } from './markdown-table.js';
import type { Results } from './results.js';
import { type Clock, Series, verdict } from './series.js';
import { geometricMean, pairedRatio, spread } from './statistics.js';
import { furtherMeans, groupOf, groups } from './suite.js';

/** `dividend` takes so many times as long as `divisor`. */
interface Comparison {
  readonly title: string;
  readonly dividend: string;
  readonly divisor: string;
  readonly worst: (...ratios: number[]) => number;
}

/** The tier whose techniques can be switched off. */
export const baseline = 'direct';

/** Of Beeline's tiers: how much slower than this host, how much faster than QEMU, and what switched off techniques cost. */
function comparisons({ subjects }: Pick<Results, 'subjects'>): Comparison[] {
  const qemu = subjects.filter(({ kind }) => kind === 'qemu');
  const tiers = subjects.filter(({ kind }) => kind === 'beeline');
  const variants = subjects.filter(({ kind }) => kind === 'variant');
  return [
    ...[...tiers, ...qemu].map(({ name }) => ({
      title: `${name} / native`,
      dividend: name,
      divisor: 'native',
      worst: Math.max,
    })),
    ...tiers.flatMap(({ name }) =>
      qemu.map((other) => ({ title: `${other.name} / ${name}`, dividend: other.name, divisor: name, worst: Math.min })),
    ),
    ...variants.map(({ name }) => ({
      title: `${name} / ${baseline}`,
      dividend: name,
      divisor: baseline,
      worst: Math.max,
    })),
  ];
}

/** Undefined where there is nothing to compare. */
function ratio(series: Series, workload: string, { dividend, divisor }: Comparison, clock: Clock): number | undefined {
  if ((dividend === 'native' || divisor === 'native') && !groupOf(workload).comparesWithNative) return undefined;
  const value = pairedRatio(series.times(workload, dividend, clock), series.times(workload, divisor, clock));
  return Number.isFinite(value) ? value : undefined;
}

function timeCell(series: Series, workload: string, subject: string, clock: Clock): string {
  if (subject === 'native' && !groupOf(workload).comparesWithNative) return '';
  const times = [...series.times(workload, subject, clock).values()];
  const { median, minimum, maximum } = spread(times);
  const text = threeFigures(median);
  return times.length > 1 ? `${text} [${threeFigures(minimum)}..${threeFigures(maximum)}]` : text;
}

function checksumCell(series: Series, workload: string, subjects: readonly string[]): string {
  const found = verdict(series, workload, subjects);
  switch (found.kind) {
    case 'equal':
      return 'equal';
    case 'unknown':
      return 'unknown';
    case 'different':
      return `DIFFERS: ${found.subjects.join(', ')}`;
  }
}

export function timeTable(results: Results, clock: Clock): string {
  const series = new Series(results);
  const names = results.subjects.map(({ name }) => name);
  const compared = comparisons(results);
  const columns: Column[] = [
    { title: 'workload', align: 'left' },
    ...[...names, ...compared.map(({ title }) => title)].map((title): Column => ({ title, align: 'right' })),
    { title: 'checksum', align: 'left' },
  ];
  const ratios = (workload: string) => compared.map((comparison) => ratio(series, workload, comparison, clock));
  const row = (workload: string) => [
    workload,
    ...names.map((name) => timeCell(series, workload, name, clock)),
    ...ratios(workload).map((value) => (value === undefined ? '' : threeFigures(value))),
    checksumCell(series, workload, names),
  ];
  const summary = (
    title: string,
    workloads: readonly string[],
    summarise: (values: number[], comparison: Comparison) => number,
  ) => [
    `**${title}**`,
    ...names.map(() => ''),
    ...compared.map((comparison, index) => {
      const values = workloads.map((name) => ratios(name)[index]).filter((value) => value !== undefined);
      return values.length === 0 ? '' : `**${threeFigures(summarise(values, comparison))}**`;
    }),
  ];
  /** Of several workloads only, and where there is something to compare. */
  const means = (title: string, workloads: readonly string[]) =>
    workloads.length < 2 || workloads.every((name) => ratios(name).every((value) => value === undefined))
      ? []
      : [
          summary(`${title}: geometric mean`, workloads, geometricMean),
          summary(`${title}: worst`, workloads, (values, { worst }) => worst(...values)),
        ];
  const rows = groups.flatMap(({ title, workloads }) => {
    const measured = workloads.filter((name) => series.workloads.includes(name));
    return measured.length === 0 ? [] : [...measured.map(row), ...means(title, measured)];
  });
  const further = furtherMeans
    .filter(({ workloads }) => workloads.every((name) => series.workloads.includes(name)))
    .flatMap(({ title, workloads }) => means(title, workloads));
  return markdownTable(columns, [...rows, ...further]);
}
