// beeline bench bisect: builds revisions, measures them in pairs, prints which one made it slower.
import { BeelineError, ExitStatus } from '../errors.js';
import { projectRoot } from '../paths.js';
import { runTool, ToolError } from '../process.js';
import { type Bisection, bisect, type Found, type Ratio } from '../regression/bisect.js';
import { isExact, quietMetric } from '../regression/metrics.js';
import { pairedQuestions } from '../regression/questions.js';
import { baseName, headName } from '../regression/result.js';
import { commitOf, revisionStore } from '../regression/revisions.js';
import { beelineSubject } from '../regression/subjects.js';
import { usualLimits, verdictStatus } from '../regression/verdict.js';
import { selectWorkloads, type Workload } from '../regression/workloads.js';
import { interruptibly, type JudgeOptions, keep, say, type TakeOptions, take, withNoise } from './bench-run.js';

export interface BisectOptions extends Pick<JudgeOptions, 'metric' | 'minimumEffect'>, TakeOptions {
  readonly icount?: boolean;
  readonly good: string;
  readonly bad: string;
  /** Pairs. */
  readonly mostRuns: number;
}

async function resolve(option: string, what: string, signal: AbortSignal): Promise<string> {
  const commit = await commitOf(what, signal);
  if (commit !== undefined) return commit;
  const detail = 'it is no revision of this clone';
  throw new BeelineError('BEELINE_E_BENCH_REVISION', { option, what, detail, remedy: 'check the name' });
}

function ratioText({ workload, ratio, interval: { low, high }, pairs }: Ratio): string {
  if (pairs === 1) return `${workload}: ${ratio.toFixed(3)} (1 pair)`;
  return `${workload}: ${ratio.toFixed(3)} (95 % interval ${low.toFixed(3)} to ${high.toFixed(3)}, ${pairs} pairs)`;
}

const describe = (commit: string) => runTool('git', ['log', '-1', '--format=%h %s', commit], { cwd: projectRoot });

async function report(found: Found): Promise<string> {
  const list = (ratios: readonly Ratio[]) => ratios.map((ratio) => `* ${ratioText(ratio)}\n`).join('');
  switch (found.kind) {
    case 'culprit': {
      const change =
        found.change === undefined
          ? '* neither it nor its parent could be measured alone\n'
          : `* it / its parent, ${ratioText(found.change)}\n`;
      const name = (await describe(found.commit)).trim();
      return `The first slow revision is ${name} (${found.commit}).\n\n* bad / good, ${ratioText(found.ends)}\n${change}`;
    }
    case 'nothing':
      return `Bad is no slower than good.\n\n${list(found.ratios)}`;
    case 'inconclusive': {
      const where = (await describe(found.commit)).trim();
      if (found.ratios.length === 0) return `Inconclusive: nothing could be measured of ${where}.\n`;
      return `Inconclusive: the measurements of ${where} do not tell.\n\n${list(found.ratios)}`;
    }
    case 'untestable': {
      const lines = await Promise.all(found.commits.map(async (commit) => `* ${(await describe(commit)).trim()}\n`));
      return `One of these made it slower; more cannot be said, as they do not build or do not run the workload.\n\n${lines.join('')}`;
    }
  }
}

function statusOf({ kind }: Found): number {
  if (kind === 'culprit') return ExitStatus.ok;
  return kind === 'inconclusive' ? verdictStatus.inconclusive : ExitStatus.failure;
}

export async function runBisect(selection: readonly string[], options: BisectOptions): Promise<number> {
  const selected = selectWorkloads(selection);
  return interruptibly(async (signal, folder) => {
    const store = revisionStore();
    const { icount = false, metric = quietMetric(icount), minimumEffect = usualLimits.minimumEffect } = options;
    const measured = async (
      folders: { readonly base: string; readonly head: string },
      pairs: number,
      workloads: readonly Workload[],
    ) => {
      const subjects = [
        beelineSubject({ name: baseName, root: folders.base, disabled: [], icount }),
        beelineSubject({ name: headName, root: folders.head, disabled: [], icount }),
      ];
      const measurement = {
        workloads,
        subjects,
        purpose: 'bisect',
        qemu: undefined,
        failed: [],
        icount,
        metric,
      } as const;
      const result = await take(measurement, { ...options, runs: pairs }, folder, signal);
      keep(result);
      signal.throwIfAborted();
      return withNoise(result, (noise) => pairedQuestions(result, { base: baseName, head: headName }, metric, noise));
    };
    const bisection: Bisection = {
      repository: projectRoot,
      good: await resolve('--good', options.good, signal),
      bad: await resolve('--bad', options.bad, signal),
      folder,
      runs: options.runs,
      mostRuns: Math.max(options.runs, options.mostRuns),
      limits: { ...usualLimits, minimumEffect },
      isExact: isExact({ icount, metric }),
      build: (commit) => store.built(commit, say, signal),
      measure: (folders, pairs, names) =>
        measured(folders, pairs, names.length === 0 ? selected : selected.filter(({ name }) => names.includes(name))),
      say,
    };
    const found = await bisect(bisection, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      // Revisions in the middle that do not build are skipped: it is one of these, or git does not know a way.
      throw new BeelineError('BEELINE_E_BENCH_REVISION', {
        option: '--good, --bad',
        what: `${options.good}..${options.bad}`,
        detail: error.message,
        remedy: 'choose revisions that build, bad after good',
      });
    });
    process.stdout.write(await report(found));
    return statusOf(found);
  });
}
