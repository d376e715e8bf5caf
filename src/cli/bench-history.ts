// beeline bench history: what was measured, and when it changed.
import { ExitStatus } from '../errors.js';
import { usualChangePoints } from '../regression/change-points.js';
import { machineFingerprint } from '../regression/fingerprint.js';
import { withHistory } from '../regression/history.js';
import { changeTable } from '../regression/markdown.js';
import type { Metric } from '../regression/metrics.js';
import { failedRuns } from '../regression/result.js';
import { seriesOf } from '../regression/series.js';

export interface HistoryOptions {
  readonly allMachines?: boolean;
  readonly changePoints?: boolean;
  readonly metric?: Metric;
  /** A share: 0.01 is 1 %. */
  readonly minimumEffect?: number;
}

export function showHistory(options: HistoryOptions): number {
  return options.changePoints === true ? listChanges(options) : listHistory(options);
}

/** What different machines measured is never one series. */
function listChanges({ metric, minimumEffect = usualChangePoints.minimumEffect }: HistoryOptions): number {
  const series = seriesOf(
    withHistory((history) => history.results({ fingerprint: machineFingerprint().id })),
    metric,
  );
  process.stdout.write(changeTable(series, { ...usualChangePoints, minimumEffect }));
  return ExitStatus.ok;
}

/** Of this machine, unless all are asked for; oldest first. */
function listHistory({ allMachines = false }: HistoryOptions): number {
  const results = withHistory((history) =>
    history.results(allMachines ? {} : { fingerprint: machineFingerprint().id }),
  );
  for (const result of results) {
    const { id, startedAt, fingerprint, purpose, icount, subjects } = result;
    const failed = failedRuns(result).length;
    const names = subjects.map(({ name, revision }) => `${name} ${revision}`).join(', ');
    const outcome = failed === 0 ? '' : `, ${failed} failed`;
    process.stdout.write(
      `${id}  ${startedAt}  ${fingerprint.id}  ${purpose}${icount ? ', --icount' : ''}  ${result.runs.length} runs${outcome}; ${names}\n`,
    );
  }
  return ExitStatus.ok;
}
