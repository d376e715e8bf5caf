// The commands about performance regression runs, as the command line declares them.
import type { Command } from 'commander';
import type { ListOptions } from './bench.js';

/** Loaded when needed, as it takes the checking of images. */
const workloads = () => import('./bench.js');

export function addBenchCommands(program: Command, done: (status: number) => void): void {
  const bench = program
    .command('bench')
    .summary('find out whether a change made the whole system slower')
    .description('Performance regression runs of whole systems; docs/bench.md tells more.');
  bench
    .command('list')
    .description('Lists the workloads, with tags and phases.')
    .option('--json', 'everything that their files say')
    .action(async (options: ListOptions) => done((await workloads()).listWorkloads(options)));
  bench
    .command('check')
    .description('Checks the files of workloads, all when none is named. Exit status 2 when one is wrong.')
    .argument('[SELECTION...]', 'names and tags of workloads')
    .action(async (selection: string[]) => done((await workloads()).checkWorkloads(selection)));
}
