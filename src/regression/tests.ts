// Statistical tests of whether two things differ, for few and noisy measurements. None supposes a normal distribution.
import { errorFunction, median, quantileSorted, wilcoxonRankSum } from 'simple-statistics';
import { resample, seededRandom } from './random.js';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Above so many measurements the normal distribution is close enough to the exact one. */
const exactLimit = 50;
const resamples = 2000;
const seed = 7;

function isTied(values: readonly number[]): boolean {
  return new Set(values).size < values.length;
}

/** Two-sided, for a statistic of that distance from its mean. */
function normalP(distance: number, variance: number): number {
  if (variance === 0) return 1;
  // The distance is a multiple of 1/2 and the distribution continuous.
  const z = Math.max(0, Math.abs(distance) - 0.5) / Math.sqrt(variance);
  return Math.min(1, 1 - errorFunction(z / Math.SQRT2));
}

/** The sum over groups of ties of t^3 - t. */
function tieSum(values: readonly number[]): number {
  const sizes = new Map<number, number>();
  for (const value of values) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  return [...sizes.values()].reduce((sum, size) => sum + size ** 3 - size, 0);
}

/** The share of a symmetric distribution that is as far out as `value` or farther, on both sides. */
function exactP(counts: readonly number[], value: number): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const lower = Math.min(value, counts.length - 1 - value);
  const tail = counts.slice(0, Math.floor(lower) + 1).reduce((sum, count) => sum + count, 0);
  return Math.min(1, (2 * tail) / all);
}

/** How many of the choices of `n` out of n + m ranks give each U. */
function rankSumCounts(n: number, m: number): number[] {
  // rows[k][u]: choices of k ranks so far with that U.
  const rows = Array.from({ length: n + 1 }, () => new Float64Array(n * m + 1));
  const first = rows[0];
  if (first !== undefined) first[0] = 1;
  for (let rank = 1; rank <= n + m; rank++) {
    for (let chosen = Math.min(n, rank); chosen >= 1; chosen--) {
      const row = rows[chosen];
      const before = rows[chosen - 1];
      // The chosen-th smallest at this rank has rank - chosen of the others below it.
      const below = rank - chosen;
      if (row === undefined || before === undefined || below > m) continue;
      for (let u = n * m; u >= below; u--) row[u] = (row[u] ?? 0) + (before[u - below] ?? 0);
    }
  }
  return [...(rows[n] ?? [])];
}

/** Two-sided p of Mann and Whitney's test: whether values of one sample tend to be larger. For measurements apart. */
export function mannWhitney(x: readonly number[], y: readonly number[]): number {
  const n = x.length;
  const m = y.length;
  if (n === 0 || m === 0) return 1;
  const u = wilcoxonRankSum([...x], [...y]) - (n * (n + 1)) / 2;
  const all = [...x, ...y];
  if (!isTied(all) && n + m <= exactLimit) return exactP(rankSumCounts(n, m), u);
  const size = n + m;
  const variance = ((n * m) / 12) * (size + 1 - tieSum(all) / (size * (size - 1)));
  return normalP(u - (n * m) / 2, variance);
}

/** How many of the choices of signs give each sum of positive ranks. */
function signedRankCounts(n: number): number[] {
  const counts = new Array<number>((n * (n + 1)) / 2 + 1).fill(0);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = counts.length - 1; sum >= rank; sum--) counts[sum] = (counts[sum] ?? 0) + (counts[sum - rank] ?? 0);
  }
  return counts;
}

/** Two-sided p of Wilcoxon's signed-rank test: whether differences tend to one side of zero. For pairs. */
export function signedRank(differences: readonly number[]): number {
  const present = differences.filter((difference) => difference !== 0);
  const n = present.length;
  if (n === 0) return 1;
  const sizes = present.map(Math.abs);
  const rankOf = (size: number) => {
    const smaller = sizes.filter((other) => other < size).length;
    const equal = sizes.filter((other) => other === size).length;
    return smaller + (equal + 1) / 2;
  };
  const positive = present.reduce((sum, value) => (value > 0 ? sum + rankOf(value) : sum), 0);
  if (!isTied(sizes) && n <= exactLimit) return exactP(signedRankCounts(n), positive);
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tieSum(sizes) / 48;
  return normalP(positive - (n * (n + 1)) / 4, variance);
}

/** Holm's step-down correction for many tests at once: each p as if it were the only one. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(ps.length).fill(1);
  let highest = 0;
  order.forEach(({ p, index }, rank) => {
    highest = Math.max(highest, Math.min(1, p * (ps.length - rank)));
    adjusted[index] = highest;
  });
  return adjusted;
}

/** Percentile bootstrap of a statistic that `draw` computes from numbers drawn anew. */
function bootstrap(draw: (random: () => number) => number, confidence: number): Interval {
  const random = seededRandom(seed);
  const drawn = Array.from({ length: resamples }, () => draw(random)).sort((a, b) => a - b);
  const outside = (1 - confidence) / 2;
  return { low: quantileSorted(drawn, outside), high: quantileSorted(drawn, 1 - outside) };
}

/** Of the median of `values`, which are not empty. */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval {
  return bootstrap((random) => median(resample(values, values.length, random)), confidence);
}

/** Of the ratio of two medians of measurements apart, neither empty. */
export function medianRatioInterval(x: readonly number[], y: readonly number[], confidence = 0.95): Interval {
  return bootstrap(
    (random) => median(resample(x, x.length, random)) / median(resample(y, y.length, random)),
    confidence,
  );
}

/**
 * How far the median ratio of `count` pairs strays from 1 when nothing differs, in 19 of 20 cases: from the ratios of
 * pairs that measured the same thing twice. NaN without any.
 */
export function noiseFloor(ratios: readonly number[], count: number): number {
  if (ratios.length === 0) return Number.NaN;
  const random = seededRandom(seed);
  // Neither of a pair is the first by nature.
  const both = ratios.flatMap((ratio) => [ratio, 1 / ratio]);
  const drawn = Array.from({ length: resamples }, () => Math.abs(Math.log(median(resample(both, count, random)))));
  return (
    Math.exp(
      quantileSorted(
        drawn.sort((a, b) => a - b),
        0.95,
      ),
    ) - 1
  );
}
