// What happened between two samples of a guest's counters, a second.
import type { NoticeParams } from '../monitor/protocol.js';

type Sample = Pick<NoticeParams<'perf.sample'>, 'time' | 'counters'>;

export interface Rates {
  /** Seconds since 1970, as charts count. */
  readonly time: number;
  /** Millions of guest instructions. */
  readonly instructions: number;
  /** Of them in translated code, of a hundred. */
  readonly translatedShare: number;
  readonly tlbMisses: number;
  /** By cause. */
  readonly switches: Readonly<Record<string, number>>;
}

function sum(list: readonly Readonly<Record<string, number>>[], name: string): number {
  return list.reduce((total, counters) => total + (counters[name] ?? 0), 0);
}

/** undefined: the machine has begun anew, or no time has passed. */
export function ratesBetween(before: Sample, after: Sample): Rates | undefined {
  const seconds = after.counters.elapsedSeconds - before.counters.elapsedSeconds;
  if (seconds <= 0) return undefined;
  const difference = (part: 'cpus' | 'direct' | 'switches', name: string) =>
    Math.max(0, sum(after.counters[part], name) - sum(before.counters[part], name));
  const instructions = difference('cpus', 'instructions');
  const causes = new Set(after.counters.switches.flatMap((counters) => Object.keys(counters)));
  return {
    time: Date.parse(after.time) / 1000,
    instructions: instructions / seconds / 1e6,
    translatedShare: instructions === 0 ? 0 : Math.min(100, (100 * difference('direct', 'executed')) / instructions),
    tlbMisses: difference('cpus', 'tlbMisses') / seconds,
    switches: Object.fromEntries([...causes].map((cause) => [cause, difference('switches', cause) / seconds])),
  };
}

/** The causes with most switches, most first; the rest together as `other`. */
export function mostFrequent(history: readonly Rates[], count: number): string[] {
  const totals = new Map<string, number>();
  for (const { switches } of history) {
    for (const [cause, rate] of Object.entries(switches)) totals.set(cause, (totals.get(cause) ?? 0) + rate);
  }
  return [...totals]
    .filter(([, total]) => total > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([cause]) => cause);
}

/** 12.3 k and the like. */
export function short(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2).replace(/\.?0+$/, '');
}
