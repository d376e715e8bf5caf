// Everything that was measured, as a Markdown page.
import { bootTable } from './boot-table.js';
import { instructionTable } from './instruction-table.js';
import type { Results } from './results.js';
import { timeTable } from './time-table.js';

function heading({ environment, rounds, interrupted }: Results): string {
  const { host, cpu, cores, kernel, beeline, qemu, date } = environment;
  const lines = [
    `Beeline ${beeline}, ${qemu === undefined ? 'no QEMU' : qemu.version}.`,
    `Host ${host}: ${cpu}, ${cores} cores, Linux ${kernel}, ${date}.`,
    rounds === 1
      ? 'One round.'
      : `Medians of ${rounds} rounds, [lowest..highest]; ratios are medians of each round's ratio.`,
    ...(interrupted ? ['**Interrupted: not everything was measured.**'] : []),
  ];
  return lines.join('\n');
}

function failureList({ failures }: Results): string {
  return failures
    .map(
      ({ workload, subject, round, reason }) => `* ${subject}, ${workload || 'boot'}, round ${round + 1}: ${reason}\n`,
    )
    .join('');
}

export function report(results: Results): string {
  const isMeasured = results.measurements.length > 0;
  const sections: readonly (readonly [title: string, body: string])[] = [
    ['', heading(results)],
    ["Seconds by the guest's clock", isMeasured ? timeTable(results, 'seconds') : ''],
    ["Seconds by the host's clock", isMeasured ? timeTable(results, 'wallSeconds') : ''],
    ['Guest instructions', instructionTable(results)],
    ['Booting debian-busybox', bootTable(results)],
    ['Failures', failureList(results)],
  ];
  return `${sections
    .filter(([, body]) => body !== '')
    .map(([title, body]) => (title === '' ? body : `## ${title}\n\n${body}`).trimEnd())
    .join('\n\n')}\n`;
}
