// Finds measurements by workload and subject.
import type { Measurement, Results } from './results.js';

/** Which clock. */
export type Clock = 'seconds' | 'wallSeconds';

export class Series {
  readonly #measurements = new Map<string, Measurement[]>();
  /** In the order of the first measurement. */
  readonly workloads: readonly string[];

  constructor({ measurements }: Pick<Results, 'measurements'>) {
    for (const measurement of measurements) {
      const key = `${measurement.workload}\0${measurement.subject}`;
      const list = this.#measurements.get(key);
      if (list === undefined) this.#measurements.set(key, [measurement]);
      else list.push(measurement);
    }
    this.workloads = [...new Set(measurements.map(({ workload }) => workload))];
  }

  of(workload: string, subject: string): readonly Measurement[] {
    return this.#measurements.get(`${workload}\0${subject}`) ?? [];
  }

  /** Seconds by round. */
  times(workload: string, subject: string, clock: Clock): Map<number, number> {
    return new Map(this.of(workload, subject).map((measurement) => [measurement.round, measurement[clock]]));
  }

  /** What the counter went up by in all rounds together; undefined when there is none of that name. */
  counter(workload: string, subject: string, matches: (name: string) => boolean): number | undefined {
    let sum: number | undefined;
    for (const { counters } of this.of(workload, subject)) {
      for (const [name, value] of Object.entries(counters ?? {})) if (matches(name)) sum = (sum ?? 0) + value;
    }
    return sum;
  }
}

export type Verdict =
  | { readonly kind: 'equal' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'different'; readonly subjects: readonly string[] };

/** Compares the checksums of everybody with those of this host. */
export function verdict(series: Series, workload: string, subjects: readonly string[]): Verdict {
  const expected = series.of(workload, 'native')[0]?.checksum;
  if (expected === undefined) return { kind: 'unknown' };
  const different = subjects.filter((subject) =>
    series.of(workload, subject).some(({ checksum }) => checksum !== expected),
  );
  return different.length === 0 ? { kind: 'equal' } : { kind: 'different', subjects: different };
}
