// beeline bench ablation: measures without one technique after the other, prints what each is worth.
import { ExitStatus } from '../errors.js';
import { projectRoot } from '../paths.js';
import { ablationSubjects } from '../regression/ablation.js';
import { ablationSections } from '../regression/ablation-chart.js';
import { everything } from '../regression/ablation-names.js';
import { failureList, heading, page } from '../regression/markdown.js';
import type { Metric } from '../regression/metrics.js';
import { selectWorkloads } from '../regression/workloads.js';
import { interruptibly, keep, statusOf, type TakeOptions, take } from './bench-run.js';
import { techniqueNames } from './techniques.js';

/** Runs are rounds. */
export interface AblationOptions extends TakeOptions {
  readonly only?: readonly string[];
  readonly metric: Metric;
  readonly json?: string;
}

export async function runAblation(selection: readonly string[], options: AblationOptions): Promise<number> {
  const workloads = selectWorkloads(selection);
  const names = options.only ?? [...techniqueNames, everything];
  return interruptibly(async (signal, folder) => {
    const subjects = ablationSubjects(projectRoot, names, techniqueNames);
    const measurement = { workloads, subjects, purpose: 'ablation', qemu: undefined, failed: [] } as const;
    const result = await take(measurement, options, folder, signal);
    const isKept = keep(result, options.json);
    const chart = ablationSections(result, options.metric);
    process.stdout.write(page([['', heading(result)], ...chart, ['Failures', failureList(result)]]));
    return isKept ? statusOf(result, undefined, signal) : ExitStatus.failure;
  });
}
