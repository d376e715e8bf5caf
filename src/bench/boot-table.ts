// How long boots take, and how that compares with QEMU.
import { markdownTable, threeFigures } from './markdown-table.js';
import type { Results } from './results.js';
import { pairedRatio, spread } from './statistics.js';

/** Empty when no boot was measured. */
export function bootTable({ boots }: Pick<Results, 'boots'>): string {
  const names = [...new Set(boots.map(({ subject }) => subject))];
  if (names.length === 0) return '';
  const times = (name: string) =>
    new Map(boots.filter(({ subject }) => subject === name).map(({ round, wallSeconds }) => [round, wallSeconds]));
  return markdownTable(
    [
      { title: 'power-on to prompt', align: 'left' },
      { title: 'seconds', align: 'right' },
      { title: 'lowest', align: 'right' },
      { title: 'highest', align: 'right' },
      { title: '/ QEMU', align: 'right' },
    ],
    names.map((name) => {
      const { median, minimum, maximum } = spread([...times(name).values()]);
      const cells = [median, minimum, maximum, pairedRatio(times(name), times('QEMU'))];
      return [name, ...cells.map(threeFigures)];
    }),
  );
}
