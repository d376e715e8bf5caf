// The line at the end of a run.
import type { RunStats } from './run-stats.js';

/** 1234567 as 1.2 M. */
function scaled(value: number): string {
  for (const [unit, scale] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= scale) return `${(value / scale).toFixed(1)} ${unit}`;
  }
  return value.toFixed(0);
}

/** The line at the end of a run. */
export function summaryLine(stats: RunStats, description: string, untilGiven: boolean): string {
  const { time, guest } = stats;
  const at = (value: number | null, otherwise: string) => (value === null ? otherwise : `${value.toFixed(2)} s`);
  const parts = [
    `${description} after ${time.totalSeconds.toFixed(2)} s`,
    `first console output ${at(time.firstOutputSeconds, 'never')}`,
  ];
  if (untilGiven) parts.push(`--until ${at(time.untilSeconds, 'not matched')}`);
  parts.push(`${scaled(guest.instructions)} guest instructions, ${scaled(guest.instructionsPerSecond)}/s`);
  return parts.join('; ');
}
