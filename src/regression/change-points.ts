// Where in a series of measurements something changed for good.
//
// E-divisive with means: Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate
// Data", 2013. Of a segment that split is taken which makes the two sides most unlike; while that is significant, the
// parts are split on. What makes it fit for series that grow is from Fleming, Kolaczkowski and others, "Hunter: Using
// Change Point Detection to Hunt for Performance Regressions", 2023: windows instead of the whole, so that what was found
// long ago stays; Student's t-test in place of permutations; and at first a weaker limit, since a change may only be clear
// once the series is split at its neighbours, too. The weakest is then dropped until all of them are significant and large.
import { median } from 'simple-statistics';
import { studentT } from './student.js';

export interface ChangePoint {
  /** Of the first value that is different. */
  readonly index: number;
  /** The median from the change point before, or the beginning. One outlier in few values moves their mean, not this. */
  readonly before: number;
  /** The median up to the next change point, or the end. */
  readonly after: number;
  readonly p: number;
}

export interface ChangePointOptions {
  /** Values that are looked at together. */
  readonly window: number;
  readonly maximumP: number;
  /** The smallest change, as a share: 0.01 is 1 %. */
  readonly minimumEffect: number;
  /** How many values have to show a change: one or two may be outliers. */
  readonly fewest: number;
}

export const usualChangePoints: ChangePointOptions = { window: 50, maximumP: 0.001, minimumEffect: 0.01, fewest: 3 };

/** How much weaker a change may be before its neighbours are known. */
const weakness = 10;

/** Sums over segments of the distances of all pairs within. */
class Distances {
  readonly #sums: readonly Float64Array[];

  constructor(values: readonly number[]) {
    const count = values.length;
    // sums[from][to]: of the values from `from` up to before `to`.
    this.#sums = values.map(() => new Float64Array(count + 1));
    for (let from = count - 1; from >= 0; from--) {
      const row = this.#sums[from] ?? new Float64Array();
      const next = this.#sums[from + 1] ?? new Float64Array(count + 1);
      let own = 0;
      for (let to = from + 2; to <= count; to++) {
        own += Math.abs((values[from] ?? 0) - (values[to - 1] ?? 0));
        row[to] = (next[to] ?? 0) + own;
      }
    }
  }

  within(from: number, to: number): number {
    return this.#sums[from]?.[to] ?? 0;
  }
}

interface Split {
  readonly index: number;
  /** Matteson and James's Q. */
  readonly unlikeness: number;
}

/** How unlike [from, middle) and [middle, to) are: their energy distance, scaled (equations 6 and 7 with alpha = 1). */
function unlikeness(distances: Distances, from: number, middle: number, to: number): number {
  const n = middle - from;
  const m = to - middle;
  const left = distances.within(from, middle);
  const right = distances.within(middle, to);
  const between = distances.within(from, to) - left - right;
  const average = (sum: number, count: number) => (count < 2 ? 0 : (2 * sum) / (count * (count - 1)));
  return ((n * m) / (n + m)) * ((2 * between) / (n * m) - average(left, n) - average(right, m));
}

/** The end of the right side is free, too: what changes there and back would hide in the whole. */
function bestSplit(distances: Distances, from: number, to: number, fewest: number): Split | undefined {
  let best: Split | undefined;
  for (let index = from + fewest; index <= to - fewest; index++) {
    for (let end = index + fewest; end <= to; end++) {
      const value = unlikeness(distances, from, index, end);
      if (best === undefined || value > best.unlikeness) best = { index, unlikeness: value };
    }
  }
  return best;
}

/** The segments between change points: [from, to). */
function segments(indexes: readonly number[], count: number): (readonly [from: number, to: number])[] {
  const borders = [0, ...indexes, count];
  return borders.slice(1).map((to, position) => [borders[position] ?? 0, to]);
}

/** Without the one that is farthest from `place`. */
function withoutFarthest(values: readonly number[], place: number): number[] {
  const distances = values.map((value) => Math.abs(value - place));
  return values.toSpliced(distances.indexOf(Math.max(...distances)), 1);
}

/** A change has to be clear without any one value that may make it. */
function steadyP(left: readonly number[], right: readonly number[]): number {
  return Math.max(
    studentT(left, right),
    studentT(withoutFarthest(left, median(right)), right),
    studentT(left, withoutFarthest(right, median(left))),
  );
}

function describe(values: readonly number[], from: number, index: number, to: number): ChangePoint {
  const left = values.slice(from, index);
  const right = values.slice(index, to);
  return { index, before: median(left), after: median(right), p: steadyP(left, right) };
}

/** Of indexes that ascend. */
function describeAll(values: readonly number[], indexes: readonly number[]): ChangePoint[] {
  return indexes.map((index, position) =>
    describe(values, indexes[position - 1] ?? 0, index, indexes[position + 1] ?? values.length),
  );
}

function divide(values: readonly number[], maximumP: number, fewest: number): number[] {
  const distances = new Distances(values);
  const found: number[] = [];
  for (;;) {
    const splits = segments(found, values.length)
      .map(([from, to]) => ({ from, to, split: bestSplit(distances, from, to, fewest) }))
      .sort((a, b) => (b.split?.unlikeness ?? 0) - (a.split?.unlikeness ?? 0));
    const best = splits[0];
    if (best?.split === undefined) return found;
    const { index } = best.split;
    if (studentT(values.slice(best.from, index), values.slice(index, best.to)) > maximumP) return found;
    found.push(index);
    found.sort((a, b) => a - b);
  }
}

/** Windows overlap by half, and one begins at the last change of the one before. */
function weakPoints(values: readonly number[], { window, maximumP, fewest }: ChangePointOptions): number[] {
  const found = new Set<number>();
  let start = 0;
  while (start < values.length) {
    const own = divide(values.slice(start, start + window), maximumP * weakness, fewest).map((index) => start + index);
    for (const index of own) found.add(index);
    start = Math.max(own.at(-1) ?? 0, start + Math.floor(window / 2));
  }
  return [...found].sort((a, b) => a - b);
}

/** As a share of what was before. */
export function effectOf({ before, after }: Pick<ChangePoint, 'before' | 'after'>): number {
  return after / before - 1;
}

/** In the order of the series, which is finite numbers above zero. */
export function changePoints(
  values: readonly number[],
  options: ChangePointOptions = usualChangePoints,
): readonly ChangePoint[] {
  let points = describeAll(values, weakPoints(values, options));
  for (;;) {
    const least = points.toSorted((a, b) => b.p - a.p)[0];
    if (least === undefined) return [];
    const smallest = points.toSorted((a, b) => Math.abs(effectOf(a)) - Math.abs(effectOf(b)))[0] ?? least;
    const dropped =
      least.p > options.maximumP ? least : Math.abs(effectOf(smallest)) < options.minimumEffect ? smallest : undefined;
    if (dropped === undefined) return points;
    points = describeAll(
      values,
      points.filter((point) => point !== dropped).map(({ index }) => index),
    );
  }
}
