// What --stats - prints: the statistics of a run for a person.
import type { RunStats } from './run-stats.js';

interface Row {
  readonly label: string;
  readonly value: string;
  /** A second number. */
  readonly aside?: string;
  /** Of the last number. */
  readonly unit?: string;
}

interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

const switchLabels: Readonly<Record<string, string>> = {
  slowLoad: 'slow load',
  slowStore: 'slow store',
  system: 'system instruction',
  vector: 'FP or SIMD instruction',
  fixUp: 'FP instruction with special operands',
  instruction: 'other instruction',
  exception: 'exception, or return from one',
  interrupt: 'interrupt or other request',
  miss: 'branch not linked',
  indirectMiss: 'indirect branch not in the table',
  alignment: 'misaligned stack pointer',
  siteReview: 'review of an access site',
};

const whole = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const fraction = (value: number, digits: number) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
/** jumpCacheMisses as jump cache misses. */
const words = (name: string) =>
  name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/^(tlb|gic)\b/, (acronym) => acronym.toUpperCase())
    .replace('sgis', 'SGIs');

function partOf(label: string, part: number, all: number): Row {
  const row = { label, value: whole(part) };
  return all > 0 ? { ...row, aside: fraction((100 * part) / all, 1), unit: '%' } : row;
}

function timeRows({ time, guest }: RunStats): Row[] {
  const row = (label: string, value: number | null): Row[] =>
    value === null ? [] : [{ label, value: fraction(value, 3), unit: 's' }];
  return [
    ...row('total', time.totalSeconds),
    ...row('making the machine', time.createSeconds),
    ...row('first console output', time.firstOutputSeconds),
    ...row('--until matched', time.untilSeconds),
    { label: 'guest instructions a second', value: whole(guest.instructionsPerSecond) },
  ];
}

function instructionRows({ guest }: RunStats): Row[] {
  const { interpreter, direct } = guest.instructionsByTier;
  return [
    { label: 'all', value: whole(guest.instructions) },
    partOf('interpreter', interpreter, guest.instructions),
    partOf('direct', direct, guest.instructions),
  ];
}

function translationRows(translation: NonNullable<RunStats['translation']>): Row[] {
  return [
    { label: 'blocks', value: whole(translation.blocks) },
    { label: 'guest instructions', value: whole(translation.instructions) },
    {
      label: 'host bytes',
      value: whole(translation.hostBytes),
      aside: fraction(translation.hostBytes / Math.max(1, translation.instructions), 1),
      unit: 'an instruction',
    },
    { label: 'time', value: fraction(translation.seconds, 3), unit: 's' },
    { label: 'guest instructions a second', value: whole(translation.instructionsPerSecond) },
    { label: 'links', value: whole(translation.links) },
    { label: 'blocks invalidated', value: whole(translation.invalidated) },
    { label: 'blocks evicted', value: whole(translation.evicted) },
    { label: 'entries from the run loop', value: whole(translation.entries) },
    { label: 'site cache misses', value: whole(translation.siteMisses) },
  ];
}

function switchRows(switches: NonNullable<RunStats['switches']>, instructions: number): Row[] {
  const row = (label: string, value: number): Row => ({
    label,
    value: whole(value),
    aside: fraction(instructions > 0 ? (1e6 * value) / instructions : 0, 1),
    unit: 'a million instructions',
  });
  return [
    row('all', switches.total),
    ...Object.entries(switches.causes)
      .filter(([, value]) => value > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([name, value]) => row(switchLabels[name] ?? words(name), value)),
  ];
}

function counterRows(counters: Readonly<Record<string, number>>): Row[] {
  return Object.entries(counters).map(([name, value]) => ({ label: words(name), value: whole(value) }));
}

/** Columns are aligned over all sections. */
export function statsTable(stats: RunStats): string {
  const sections: Section[] = [
    { title: 'Time', rows: timeRows(stats) },
    { title: 'Guest instructions', rows: instructionRows(stats) },
    ...(stats.translation === null ? [] : [{ title: 'Translation', rows: translationRows(stats.translation) }]),
    ...(stats.switches === null
      ? []
      : [
          {
            title: 'Switches out of translated code',
            rows: switchRows(stats.switches, stats.guest.instructionsByTier.direct),
          },
        ]),
    { title: 'CPUs', rows: counterRows(stats.counters.total) },
    { title: 'Board', rows: counterRows(stats.counters.board) },
  ];
  const rows = sections.flatMap((section) => section.rows);
  const width = (cell: (row: Row) => string | undefined) => Math.max(...rows.map((row) => cell(row)?.length ?? 0));
  const labelWidth = width((row) => row.label);
  const valueWidth = width((row) => row.value);
  const asideWidth = width((row) => row.aside);
  const line = ({ label, value, aside, unit }: Row) =>
    [
      `  ${label.padEnd(labelWidth)}  ${value.padStart(valueWidth)}`,
      ...(aside === undefined ? [] : [` ${aside.padStart(asideWidth)}`]),
      ...(unit === undefined ? [] : [unit]),
    ].join(' ');
  return sections.map(({ title, rows }) => `${[title, ...rows.map(line)].join('\n')}\n`).join('\n');
}
