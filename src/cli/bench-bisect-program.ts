// beeline bench bisect, as the command line declares it.
import type { Command } from 'commander';
import { isExact } from '../regression/metrics.js';
import type { BisectOptions } from './bench-bisect.js';
import { parseCount } from './parse.js';

/** With fewer, no difference could be told from chance. */
const fewestRuns = 6;
const usualMostRuns = 80;

/** What every run counts alike takes one of them, and no caches have to be filled for it. */
const exactRuns = { runs: 1, warmUp: 0 } as const;

const notes = `
Good and bad are measured first: the search follows the workload that has become slower most. Exit status: 0 when the
revision is found, 12 when the measurements tell too little even with --most-runs, 1 when bad is no slower than good, or
when only revisions are left that do not build or do not run the workload. Instructions of --icount are the same in every run:
one run of each revision is measured then, without warm-up, unless --runs and --warm-up say otherwise.`;

/** `command` has a selection, the number of runs, and what judging takes. */
export function addBisect(command: Command, done: (status: number) => void): void {
  command
    .summary('find the revision that made a workload slower')
    .description(
      'Drives git bisect, in a worktree of its own: builds revisions and measures them in pairs with the good one.',
    )
    .requiredOption('--good <REV>', 'a revision before, which is fast')
    .requiredOption('--bad <REV>', 'a revision after, which is slow')
    .option(
      '--most-runs <N>',
      'runs in pairs at most, while fewer tell nothing',
      (text: string) => parseCount('--most-runs', fewestRuns, text),
      usualMostRuns,
    )
    .addHelpText('after', notes)
    .action(async (selection: string[], given: BisectOptions, self: Command) => {
      const isFree = (option: keyof typeof exactRuns) =>
        isExact(given) && self.getOptionValueSource(option) === 'default';
      const options = {
        ...given,
        ...(isFree('runs') && { runs: exactRuns.runs }),
        ...(isFree('warmUp') && { warmUp: exactRuns.warmUp }),
      };
      done(await (await import('./bench-bisect.js')).runBisect(selection, options));
    });
}
