// What long tests of measurements leave behind, and how sure it is.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';
import { type baseName, headName, type RunResult } from '../../src/regression/result.js';

/** Writes build/regression/NAME.json. */
export function leave(name: string, value: unknown): void {
  const folder = join(projectRoot, 'build/regression');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(value, null, 2)}\n`);
}

/** One side of what was measured in pairs, as if it had been measured alone. */
export function oneSide(result: RunResult, name: typeof baseName | typeof headName): RunResult {
  return {
    ...result,
    id: `${result.id}-${name}`,
    subjects: result.subjects.filter((subject) => subject.name === name).map((one) => ({ ...one, name: headName })),
    runs: result.runs.filter(({ subject }) => subject === name).map((run) => ({ ...run, subject: headName })),
  };
}

/** Wilson's 95 % interval of a share, from how often it happened in `all` cases. */
export function shareInterval(count: number, all: number): { readonly low: number; readonly high: number } {
  const z = 1.96;
  const share = count / all;
  const middle = (share + z ** 2 / (2 * all)) / (1 + z ** 2 / all);
  const half = (z / (1 + z ** 2 / all)) * Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
