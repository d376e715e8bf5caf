// beeline bench ablation, as the command line declares it.
import { type Command, Option } from 'commander';
import { BeelineError } from '../errors.js';
import { everything } from '../regression/ablation-names.js';
import { metrics, usualMetric } from '../regression/metrics.js';
import type { AblationOptions } from './bench-ablation.js';
import { parseChoice } from './parse.js';
import { techniqueNames } from './techniques.js';

/** As many times as there are techniques: fewer rounds than elsewhere have to do. */
export const usualAblationRuns = 5;

function parseOnly(text: string): readonly string[] {
  const known: readonly string[] = [...techniqueNames, everything];
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  const detail = `${unknown === '' ? 'an empty name' : unknown} is no technique`;
  throw new BeelineError('BEELINE_E_OPTION_VALUE', {
    option: '--only',
    detail,
    remedy: `choose from ${known.join(', ')}`,
  });
}

/** `command` has a selection and the number of runs. */
export function addAblation(command: Command, done: (status: number) => void): void {
  command
    .summary('learn what each technique is worth')
    .description(
      'Runs workloads with all techniques of the direct tier, without one after the other, and without any, in turns.',
    )
    .option('--only <LIST>', `these: ${techniqueNames.join(', ')}, ${everything} (default: each of them)`, parseOnly)
    .addOption(
      new Option('--metric <NAME>', 'what the chart shows')
        .choices(metrics)
        .default(usualMetric)
        .argParser((text: string) => parseChoice('--metric', metrics, text)),
    )
    .action(async (selection: string[], options: AblationOptions) => {
      done(await (await import('./bench-ablation.js')).runAblation(selection, options));
    });
}
