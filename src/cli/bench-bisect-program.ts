// beeline bench bisect, as the command line declares it.
import type { Command } from 'commander';
import type { BisectOptions } from './bench-bisect.js';
import { parseCount } from './parse.js';

/** With fewer, no difference could be told from chance. */
const fewestRuns = 6;
const usualMostRuns = 80;

/** With counted guest time every run is the same: one tells, and there are no caches to fill. */
const countedRuns = { runs: 1, warmUp: 0 } as const;

const notes = `
Good and bad are measured first: the search follows the workload that has become slower most. Exit status: 0 when the
revision is found, 12 when the measurements tell too little even with --most-runs, 1 when bad is no slower than good, or
when only revisions are left that do not build or do not run the workload. With --icount, where every run is the same, one
run of each revision is the default, and none before that does not count.`;

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
      const isUsual = (option: keyof typeof countedRuns) => self.getOptionValueSource(option) === 'default';
      const options = {
        ...given,
        ...(given.icount && isUsual('runs') && { runs: countedRuns.runs }),
        ...(given.icount && isUsual('warmUp') && { warmUp: countedRuns.warmUp }),
      };
      done(await (await import('./bench-bisect.js')).runBisect(selection, options));
    });
}
