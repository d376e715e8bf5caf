// beeline bench report: a page about a result.
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, ExitStatus } from '../errors.js';
import { usualChangePoints } from '../regression/change-points.js';
import { machineFingerprint } from '../regression/fingerprint.js';
import { withHistory } from '../regression/history.js';
import { htmlReport } from '../regression/html-report.js';
import { markdownReport } from '../regression/markdown-report.js';
import { quietMetric } from '../regression/metrics.js';
import { hasBase, type NoiseOf, pairedQuestions } from '../regression/questions.js';
import type { ReportFormat } from '../regression/report.js';
import { baseName, byMachine, headName, type RunResult } from '../regression/result.js';
import { seriesOf } from '../regression/series.js';
import { type JudgeOptions, judge, resultOf } from './bench-run.js';

export interface ReportOptions extends JudgeOptions {
  readonly format: ReportFormat;
  readonly output?: string;
}

function newestResult(): RunResult {
  const selection = { fingerprint: machineFingerprint().id, purpose: 'measure' } as const;
  const newest = withHistory((history) => history.results(selection)).at(-1);
  if (newest !== undefined) return newest;
  const detail = 'nothing was measured on this machine yet';
  throw new BeelineError('BEELINE_E_BENCH_RESULT', { path: 'the newest', detail });
}

/** What `head` is compared with. */
function baseOf(result: RunResult): string | undefined {
  if (result.purpose === 'ablation') return undefined;
  return hasBase(result) ? baseName : result.subjects.find(({ kind }) => kind === 'qemu')?.name;
}

export function writeReport(what: string | undefined, options: ReportOptions): number {
  const result = what === undefined ? newestResult() : resultOf(what);
  const { metric = quietMetric(result.icount), minimumEffect = usualChangePoints.minimumEffect } = options;
  const others = withHistory((history) => history.results({ fingerprint: result.fingerprint.id }));
  // Only what that machine has measured: others may have had a share in the result.
  const own = byMachine(result).filter(({ fingerprint }) => fingerprint.id === result.fingerprint.id);
  const unknown = own.filter(({ id }) => others.every((other) => other.id !== id));
  const ofMachine = [...others, ...unknown].toSorted((a, b) => a.startedAt.localeCompare(b.startedAt));
  const base = baseOf(result);
  const { judged, shown } =
    base === undefined
      ? { judged: [], shown: [] }
      : judge(
          (one, noise: NoiseOf) => pairedQuestions(result, { base, head: headName }, one, noise),
          { ...options, metric },
          result,
        );
  const ablation = result.purpose === 'ablation' ? result : ofMachine.findLast(({ purpose }) => purpose === 'ablation');
  const report = {
    result,
    base,
    metric,
    judged,
    shown,
    series: seriesOf(ofMachine, options.metric),
    changes: { ...usualChangePoints, minimumEffect },
    ablation,
  };
  const text = options.format === 'html' ? htmlReport(report) : markdownReport(report);
  if (options.output === undefined) process.stdout.write(text);
  else writeFileAtomically(options.output, text);
  return ExitStatus.ok;
}
