// Statistics of repeated measurements. All values are positive; empty lists give NaN.

export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: Number.NaN, minimum: Number.NaN, maximum: Number.NaN };
  return { median: median(values), minimum: Math.min(...values), maximum: Math.max(...values) };
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * How many times as large the one is as the other: the median of the ratios of each round's pair. Both of a pair were
 * measured next to each other, so that the noise they share cancels. Rounds that only one has do not count.
 */
export function pairedRatio(dividend: ReadonlyMap<number, number>, divisor: ReadonlyMap<number, number>): number {
  const ratios: number[] = [];
  for (const [round, value] of dividend) {
    const other = divisor.get(round);
    if (other !== undefined) ratios.push(value / other);
  }
  return median(ratios);
}
