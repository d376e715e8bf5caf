// Results as other programs read them.
import { median } from 'simple-statistics';
import type { ExportFormat } from './export-formats.js';
import { escaped } from './markup.js';
import { type Metric, metrics } from './metrics.js';
import { failedRuns, type Run, type RunResult, valuesOf, workloadsOf } from './result.js';

interface Point {
  readonly workload: string;
  readonly subject: string;
  readonly metric: Metric;
  readonly values: readonly number[];
}

function points(result: RunResult): Point[] {
  return workloadsOf(result).flatMap((workload) =>
    result.subjects.flatMap(({ name: subject }) =>
      metrics
        .map((metric) => ({
          workload,
          subject,
          metric,
          values: [...valuesOf(result, workload, subject, metric).values()],
        }))
        .filter(({ values }) => values.length > 0),
    ),
  );
}

function junit(result: RunResult): string {
  const testcase = (run: Run) => {
    const name = `${run.workload}, ${run.subject}, pair ${run.pair + 1}`;
    const head = `  <testcase classname="beeline.bench" name="${escaped(name)}"`;
    if (run.status === 'done') return `${head} time="${run.total.wallSeconds ?? 0}"/>\n`;
    return `${head}><failure type="${run.kind}" message="${escaped(run.detail)}"/></testcase>\n`;
  };
  const attributes = `name="beeline bench" tests="${result.runs.length}" failures="${failedRuns(result).length}"`;
  const cases = result.runs.map(testcase).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite ${attributes}>\n${cases}</testsuite>\n`;
}

const units: Readonly<Record<Metric, string>> = { wall: 's', cpu: 's', instructions: 'instructions', memory: 'bytes' };

/** customSmallerIsBetter of github-action-benchmark. */
function github(result: RunResult): string {
  const entries = points(result).map(({ workload, subject, metric, values }) => ({
    name: `${workload} ${metric} (${subject})`,
    unit: units[metric],
    value: median([...values]),
    range: `${Math.min(...values)} to ${Math.max(...values)}`,
  }));
  return `${JSON.stringify(entries, null, 2)}\n`;
}

const families: Readonly<Record<Metric, string>> = {
  wall: 'beeline_bench_wall_seconds',
  cpu: 'beeline_bench_cpu_seconds',
  instructions: 'beeline_bench_guest_instructions',
  memory: 'beeline_bench_peak_memory_bytes',
};

function prometheus(result: RunResult): string {
  const all = points(result);
  const label = (text: string) => text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
  return metrics
    .map((metric) => {
      const own = all.filter((point) => point.metric === metric);
      if (own.length === 0) return '';
      const lines = own.map(({ workload, subject, values }) => {
        const labels = `workload="${label(workload)}",subject="${label(subject)}",machine="${result.fingerprint.id}"`;
        return `${families[metric]}{${labels}} ${median([...values])}\n`;
      });
      return `# HELP ${families[metric]} Median over the runs of a workload.\n# TYPE ${families[metric]} gauge\n${lines.join('')}`;
    })
    .join('');
}

export function exportResult(result: RunResult, format: ExportFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(result, null, 2)}\n`;
    case 'junit':
      return junit(result);
    case 'github':
      return github(result);
    case 'prometheus':
      return prometheus(result);
  }
}
