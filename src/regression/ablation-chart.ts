// The worth of techniques as bars and a table, for terminals and pull requests.
import { type Column, markdownTable, threeFigures } from '../bench/markdown-table.js';
import { type AblationBar, ablationBars, usualSwitches } from './ablation.js';
import type { Metric } from './metrics.js';
import type { RunResult } from './result.js';

/** Characters of the longest bar. */
const barWidth = 40;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** From 1, where switching off costs nothing; on a logarithmic scale, as one technique may be worth ten others. */
function bar(ratio: number, longest: number): string {
  if (ratio <= 1 || longest <= 1) return '';
  const units = Math.round((Math.log(ratio) / Math.log(longest)) * barWidth * 8);
  return '█'.repeat(Math.floor(units / 8)) + (eighths[units % 8] ?? '');
}

function bars(found: readonly AblationBar[]): string {
  const longest = Math.max(...found.map(({ ratio }) => ratio));
  const width = Math.max(...found.map(({ name }) => name.length));
  const lines = found.map(({ name, ratio, interval: { low, high } }) => {
    const interval = `[${low.toFixed(3)}..${high.toFixed(3)}]`;
    return `${name.padEnd(width)} ${ratio.toFixed(3).padStart(7)} ${interval.padEnd(16)} ${bar(ratio, longest)}`.trimEnd();
  });
  return `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
}

function table(result: RunResult, found: readonly AblationBar[]): string {
  const workloads = [...new Set(found.flatMap(({ byWorkload }) => [...byWorkload.keys()]))];
  const right = (title: string): Column => ({ title, align: 'right' });
  const columns: Column[] = [
    { title: 'switched off', align: 'left' },
    ...workloads.map(right),
    right('switches a million instructions'),
  ];
  const figure = (value: number | undefined) => (value === undefined ? '' : threeFigures(value));
  return markdownTable(columns, [
    ['nothing', ...workloads.map(() => threeFigures(1)), figure(usualSwitches(result))],
    ...found.map(({ name, byWorkload, switchesPerMillion }) => [
      name.replace(/^without /, ''),
      ...workloads.map((workload) => figure(byWorkload.get(workload))),
      figure(switchesPerMillion),
    ]),
  ]);
}

/** Sections of a page; empty when nothing was switched off. */
export function ablationSections(result: RunResult, metric: Metric): (readonly [title: string, body: string])[] {
  const found = ablationBars(result, metric);
  if (found.length === 0) return [];
  return [
    [`Times as much ${metric} without a technique, geometric means of the last phases`, bars(found)],
    ['By workload', table(result, found)],
  ];
}
