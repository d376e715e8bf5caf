// The commands about performance regression runs, as the command line declares them.
import { type Command, Option } from 'commander';
import { BeelineError } from '../errors.js';
import { type ExportFormat, exportFormats } from '../regression/export-formats.js';
import { metrics, usualMetric } from '../regression/metrics.js';
import { type ReportFormat, reportFormats } from '../regression/report.js';
import type { ListOptions } from './bench.js';
import { addAblation, usualAblationRuns } from './bench-ablation-program.js';
import { addBisect } from './bench-bisect-program.js';
import type { HistoryOptions } from './bench-history.js';
import type { ReportOptions } from './bench-report.js';
import type { BenchRunOptions, JudgeOptions, TakeOptions } from './bench-run.js';
import type { WorkerCommandOptions } from './bench-worker.js';
import { parseChoice, parseCount } from './parse.js';
import { techniqueNames } from './techniques.js';

/** Loaded when needed, as it takes the checking of images. */
const workloads = () => import('./bench.js');

const runs = () => import('./bench-run.js');

const usualRuns = 10;
/** Seconds. */
const usualPatience = 60;
const usualLostAfter = 30;

/** A share of 1. */
function parsePercent(option: string, text: string): number {
  const value = Number(text.replace(/%$/, ''));
  if (text.trim() !== '' && value >= 0 && value <= 100) return value / 100;
  const detail = `${text} is no percentage`;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', { option, detail, remedy: 'give a number such as 1 or 2.5' });
}

/** Where guest time is counted there is something quieter than otherwise. */
function quietMetricOption(what: string): Option {
  return new Option('--metric <NAME>', `${what} (default: ${usualMetric}, with --icount instructions)`)
    .choices(metrics)
    .argParser((text: string) => parseChoice('--metric', metrics, text));
}

const judged = 'what is judged; the others are only shown';
const countedTime = 'count guest time in instructions: every run is the same; judged are guest instructions';

function addMinimumEffect(command: Command): Command {
  return command.option(
    '--minimum-effect <PERCENT>',
    'the smallest difference that matters (default: 2)',
    (text: string) => parsePercent('--minimum-effect', text),
  );
}

function addJudging(command: Command): Command {
  return addMinimumEffect(command.addOption(quietMetricOption(judged)))
    .option('--across-machines', 'compare even what different machines have measured')
    .addHelpText('after', verdictNotes);
}

const verdictNotes = `
Exit status of a comparison: 0 same, 10 better, 11 worse, 12 inconclusive, each for the worst of all workloads in the order
worse, inconclusive, better, same; 1 when a run has failed, 2 bad usage or input, 130 and so on when interrupted.`;

function addRuns(bench: Command, done: (status: number) => void): void {
  const measuring = (name: string, usual = usualRuns) =>
    bench
      .command(name)
      .argument('[SELECTION...]', 'names and tags of workloads; otherwise all but those tagged long')
      .option(
        '--runs <N>',
        'runs of each, in pairs where there is something to compare',
        (text: string) => parseCount('--runs', 1, text),
        usual,
      )
      .option(
        '--warm-up <N>',
        'runs of each before, that do not count',
        (text: string) => parseCount('--warm-up', 0, text),
        1,
      )
      .option('--in-turns', 'never run a pair at the same time on one core')
      .option('--queue <URL>', 'have them measured by workers (beeline bench worker), such as redis://localhost:6379')
      .option(
        '--queue-patience <SECONDS>',
        'how long to wait for a Redis or workers that are gone',
        (text: string) => parseCount('--queue-patience', 1, text),
        usualPatience,
      );
  const keeping = (command: Command) =>
    command.option('--json <FILE>', 'write the result, as schemas/bench-run.schema.json describes');
  addJudging(
    keeping(measuring('run'))
      .summary('measure workloads, and compare')
      .description('Runs workloads phase by phase, and says whether this Beeline is better or worse than another.')
      .option('--reference <QEMU>', 'run them on this program, too, such as qemu-system-aarch64')
      .option('--against <WHAT>', 'compare with a revision, a folder with another Beeline that is built, or a result')
      .option('--icount', countedTime)
      .addOption(
        new Option('--disable <TECHNIQUE>', 'switch a technique of the direct tier off; repeatable')
          .choices(techniqueNames)
          .argParser((text: string, before: readonly string[] | undefined) => [
            ...(before ?? []),
            parseChoice('--disable', techniqueNames, text),
          ]),
      ),
  ).action(async (selection: string[], options: BenchRunOptions) => {
    done(await (await runs()).runBench(selection, options));
  });
  addBisect(
    addMinimumEffect(
      measuring('bisect').addOption(quietMetricOption('what is searched for')).option('--icount', countedTime),
    ),
    done,
  );
  addAblation(keeping(measuring('ablation', usualAblationRuns)), done);
  keeping(measuring('calibrate'))
    .summary('learn how noisy this machine is')
    .description('Measures this Beeline against itself, to learn how much noise there is on this machine.')
    .action(async (selection: string[], options: TakeOptions & Pick<BenchRunOptions, 'json'>) => {
      done(await (await runs()).calibrate(selection, options));
    });
  bench
    .command('worker')
    .summary('measure what others ask for')
    .description(
      'Takes runs from a queue and measures them on this machine, one after the other, until it is interrupted.',
    )
    .requiredOption('--queue <URL>', 'a Redis, such as redis://localhost:6379')
    .option(
      '--lost-after <SECONDS>',
      'give the runs of a worker that is silent for so long to another',
      (text: string) => parseCount('--lost-after', 1, text),
      usualLostAfter,
    )
    .action(async (options: WorkerCommandOptions) => {
      done(await (await import('./bench-worker.js')).runWorker(options));
    });
  bench
    .command('history')
    .summary('list what was measured')
    .description('Lists what was measured on this machine.')
    .addOption(new Option('--all-machines', 'on others, too').conflicts('changePoints'))
    .option('--change-points', 'list where a workload became faster or slower for good')
    .addOption(quietMetricOption('whose changes'))
    .option('--minimum-effect <PERCENT>', 'the smallest change that is listed (default: 1)', (text: string) =>
      parsePercent('--minimum-effect', text),
    )
    .action(async (options: HistoryOptions) => done((await import('./bench-history.js')).showHistory(options)));
  bench
    .command('show')
    .summary('print a result')
    .description('Prints a result.')
    .argument('<RESULT>', 'a file of --json, or an id of the history')
    .action(async (what: string) => done((await runs()).showResult(what)));
  bench
    .command('export')
    .summary('write a result for other programs')
    .description('Writes a result to standard output for other programs.')
    .argument('<RESULT>', 'a file of --json, or an id of the history')
    .addOption(
      new Option('--format <FORMAT>', 'github: customSmallerIsBetter of github-action-benchmark')
        .choices(exportFormats)
        .default('json' satisfies ExportFormat)
        .argParser((text: string) => parseChoice('--format', exportFormats, text)),
    )
    .action(async (what: string, { format }: { format: ExportFormat }) => {
      done((await runs()).printExport(what, format));
    });
  addMinimumEffect(
    bench
      .command('report')
      .summary('write a page with plots')
      .description('Writes a page about a result and the history of its machine: one file, without scripts or network.')
      .argument('[RESULT]', 'a file of --json, or an id of the history; otherwise the newest of this machine')
      .option('-o, --output <FILE>', 'write it here instead of to standard output')
      .addOption(
        new Option('--format <FORMAT>', 'markdown: for a pull request')
          .choices(reportFormats)
          .default('html' satisfies ReportFormat)
          .argParser((text: string) => parseChoice('--format', reportFormats, text)),
      )
      .addOption(quietMetricOption(judged)),
  ).action(async (what: string | undefined, options: ReportOptions) => {
    done((await import('./bench-report.js')).writeReport(what, options));
  });
  addJudging(
    bench
      .command('compare')
      .summary('compare two results, or the pairs of one')
      .description(
        'Compares two results that were measured apart, or the pairs of one that was measured with --against.',
      )
      .argument('<BASE>', 'a file of --json, or an id of the history')
      .argument('[HEAD]', 'the result that is judged; otherwise the pairs of BASE are'),
  ).action(async (base: string, head: string | undefined, options: JudgeOptions) => {
    done((await runs()).compareResults(base, head, options));
  });
}

export function addBenchCommands(program: Command, done: (status: number) => void): void {
  const bench = program
    .command('bench')
    .summary('find out whether a change made the whole system slower')
    .description('Performance regression runs of whole systems; docs/bench.md tells more.');
  bench
    .command('list')
    .summary('list the workloads')
    .description('Lists the workloads, with tags and phases.')
    .option('--json', 'everything that their files say')
    .action(async (options: ListOptions) => done((await workloads()).listWorkloads(options)));
  bench
    .command('check')
    .summary('check the files of workloads')
    .description('Checks the files of workloads, all when none is named. Exit status 2 when one is wrong.')
    .argument('[SELECTION...]', 'names and tags of workloads')
    .action(async (selection: string[]) => done((await workloads()).checkWorkloads(selection)));
  addRuns(bench, done);
}
