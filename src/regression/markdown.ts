// Results and comparisons as Markdown, for terminals and pull requests.
import { markdownTable } from '../bench/markdown-table.js';
import type { ChangePointOptions } from './change-points.js';
import { describeMachine } from './fingerprint.js';
import { byMachine, failedRuns, machinesOf, type RunResult } from './result.js';
import type { Series } from './series.js';
import * as tables from './tables.js';
import type { Comparison } from './verdict.js';

/** A table without rows is none. */
function written({ columns, rows }: tables.Table): string {
  return rows.length === 0 ? '' : markdownTable(columns, rows);
}

/** The titles say what is divided by what. */
export function comparisonTable(
  comparisons: readonly Comparison[],
  titles: { readonly base: string; readonly head: string },
  withVerdict: boolean,
): string {
  const { columns, rows } = tables.comparisonTable(comparisons, titles, withVerdict);
  const emphasized = (row: readonly string[]) => [...row.slice(0, -1), `**${row.at(-1)}**`];
  return written({ columns, rows: withVerdict ? rows.map(emphasized) : rows });
}

/** Medians of each phase. */
export function phaseTable(result: RunResult): string {
  return written(tables.phaseTable(result));
}

/** Where a series changed for good, newest first. */
export function changeTable(series: readonly Series[], options: ChangePointOptions): string {
  const longest = Math.max(0, ...series.map(({ points }) => points.length));
  const none = `No change in ${series.length} series of up to ${longest} results.\n`;
  return written(tables.changeTable(series, options)) || none;
}

/** With counted guest time: how many of the runs had the same instruction counts in every phase. */
export function repeatabilityTable(result: RunResult): string {
  return result.icount ? written(tables.repeatabilityTable(result)) : '';
}

/** One bullet for each run without a result. */
export function failureList(result: RunResult): string {
  return failedRuns(result)
    .map(({ workload, subject, phase, kind, detail }) => {
      return `* ${workload}, ${subject}${phase === null ? '' : `, ${phase}`}: **${kind}**, ${detail}\n`;
    })
    .join('');
}

export function heading(result: RunResult): string {
  const { id, environment, subjects, interrupted, icount } = result;
  const parts = byMachine(result).map((part) => `${part.id} (${part.fingerprint.id})`);
  return [
    `Result ${id}, ${environment.date}, machine ${machinesOf(result).map(describeMachine).join('; ')}.`,
    ...(parts.length > 1 ? [`* in the history by machine: ${parts.join(', ')}`] : []),
    ...subjects.map(({ name, revision, disabled }) => {
      return `* ${name}: ${revision}${disabled.length === 0 ? '' : `, without ${disabled.join(', ')}`}`;
    }),
    ...(icount ? ['* guest time is counted in instructions'] : []),
    ...(interrupted ? ['', '**Interrupted: not everything was measured.**'] : []),
  ].join('\n');
}

/** Sections without a body are left out. */
export function page(sections: readonly (readonly [title: string, body: string])[]): string {
  return `${sections
    .filter(([, body]) => body !== '')
    .map(([title, body]) => (title === '' ? body : `## ${title}\n\n${body}`).trimEnd())
    .join('\n\n')}\n`;
}
