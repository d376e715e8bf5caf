// beeline bench list and check: workloads as data.
import { ExitStatus } from '../errors.js';
import { checkWorkload, readWorkload, selectWorkloads, workloadNames, workloadPath } from '../regression/workloads.js';

export interface ListOptions {
  readonly json?: boolean;
}

export function listWorkloads({ json = false }: ListOptions): number {
  const names = workloadNames();
  if (json) {
    process.stdout.write(
      `${JSON.stringify(
        names.map((name) => readWorkload(name)),
        null,
        2,
      )}\n`,
    );
    return ExitStatus.ok;
  }
  const width = Math.max(0, ...names.map((name) => name.length));
  for (const name of names) {
    // A workload that is wrong is listed all the same; `check` says what is wrong.
    const isWrong = checkWorkload(name).length > 0;
    const {
      title,
      phases,
      tags = [],
    } = isWrong ? { title: 'wrong: see beeline bench check', phases: [] } : readWorkload(name);
    const labels = tags.length === 0 ? '' : ` [${tags.join(', ')}]`;
    const parts = phases.length === 0 ? '' : `: ${phases.map((phase) => phase.name).join(', ')}`;
    process.stdout.write(`${name.padEnd(width)}  ${title}${labels}${parts}\n`);
  }
  return ExitStatus.ok;
}

/** Status 2 when one of them is wrong. */
export function checkWorkloads(selection: readonly string[]): number {
  const names = workloadNames();
  const chosen =
    selection.length === 0
      ? names
      : selection.every((word) => names.includes(word))
        ? names.filter((name) => selection.includes(name))
        : selectWorkloads(selection).map(({ name }) => name);
  let status: number = ExitStatus.ok;
  for (const name of chosen) {
    const problems = checkWorkload(name);
    for (const problem of problems) process.stdout.write(`${workloadPath(name)}: ${problem}\n`);
    if (problems.length > 0) status = ExitStatus.usage;
    else process.stdout.write(`${name}: good\n`);
  }
  return status;
}
