// Better, same, worse or inconclusive: what measurements of two subjects say.
import { median } from 'simple-statistics';
import { holm, type Interval, mannWhitney, medianInterval, medianRatioInterval, signedRank } from './tests.js';

export type Verdict = 'better' | 'same' | 'worse' | 'inconclusive';

/** Exit statuses of commands that compare. */
export const verdictStatus: Readonly<Record<Verdict, number>> = { same: 0, better: 10, worse: 11, inconclusive: 12 };

/** What is to be compared: smaller values are better. */
export interface Question {
  readonly workload: string;
  readonly metric: string;
  /** By pair, or in any order when they were measured apart. */
  readonly base: readonly number[];
  readonly head: readonly number[];
  readonly paired: boolean;
  /** Whether all runs of one side should give the same value: where they do, one tells. */
  readonly exact?: boolean;
  /** How far the ratio strays when nothing differs, as a share; NaN when nobody has measured that. */
  readonly noise: number;
}

export interface Limits {
  /** The chance of calling one of all questions different when none is. */
  readonly alpha: number;
  /** The smallest difference that matters, as a share: 0.01 is 1 %. */
  readonly minimumEffect: number;
}

/** Where its files and pages come to lie makes the same program up to 1 % slower or faster in a clone of its own. */
export const usualLimits: Limits = { alpha: 0.05, minimumEffect: 0.02 };

export interface Comparison extends Question {
  readonly test: 'signed-rank' | 'mann-whitney';
  /** head / base. */
  readonly ratio: number;
  readonly interval: Interval;
  /** After Holm's correction over all questions. */
  readonly p: number;
  /** The larger of the smallest difference that matters and the noise. */
  readonly threshold: number;
  readonly verdict: Verdict;
}

export function isSteady({ base, head }: Pick<Question, 'base' | 'head'>): boolean {
  return new Set(base).size <= 1 && new Set(head).size <= 1;
}

/** With fewer values a difference of any size could not be told from chance: then there is no being the same either. */
const fewestValues = 6;

function judge(ratio: number, { low, high }: Interval, p: number, threshold: number, alpha: number): Verdict {
  const limit = 1 + threshold;
  const isDifferent = p < alpha && (low > 1 || high < 1);
  if (isDifferent && ratio >= limit) return 'worse';
  if (isDifferent && ratio <= 1 / limit) return 'better';
  return low >= 1 / limit && high <= limit ? 'same' : 'inconclusive';
}

/** No chance is left in it. */
function isCertain(question: Question): boolean {
  return question.exact === true && isSteady(question);
}

function statistics(question: Question): Pick<Comparison, 'test' | 'ratio' | 'interval' | 'p'> {
  const { base, head, paired } = question;
  if (isCertain(question)) {
    const ratio = (head[0] ?? Number.NaN) / (base[0] ?? Number.NaN);
    const test = paired ? 'signed-rank' : 'mann-whitney';
    return { test, ratio, interval: { low: ratio, high: ratio }, p: ratio === 1 ? 1 : 0 };
  }
  if (!paired) {
    const ratio = median([...head]) / median([...base]);
    return { test: 'mann-whitney', ratio, interval: medianRatioInterval(head, base), p: mannWhitney(head, base) };
  }
  const ratios = head.map((value, pair) => value / (base[pair] ?? Number.NaN));
  const p = signedRank(ratios.map(Math.log));
  return { test: 'signed-rank', ratio: median(ratios), interval: medianInterval(ratios), p };
}

/** Questions of which one side is empty, or holds what no time can be, have no answer and are left out. */
export function compare(questions: readonly Question[], limits: Limits = usualLimits): Comparison[] {
  const isMeasured = (values: readonly number[]) => values.length > 0 && values.every((value) => value > 0);
  const answerable = questions.filter(({ base, head }) => isMeasured(base) && isMeasured(head));
  const found = answerable.map((question) => ({ ...question, ...statistics(question) }));
  const adjusted = holm(found.map(({ p }) => p));
  return found.map((one, index) => {
    const p = adjusted[index] ?? 1;
    const threshold = Math.max(limits.minimumEffect, Number.isFinite(one.noise) ? one.noise : 0);
    const isFew = !isCertain(one) && Math.min(one.base.length, one.head.length) < fewestValues;
    const verdict = isFew ? 'inconclusive' : judge(one.ratio, one.interval, p, threshold, limits.alpha);
    return { ...one, p, threshold, verdict };
  });
}

/** The worst of all, in the order worse, inconclusive, better, same; inconclusive when there is none. */
export function overall(verdicts: readonly Verdict[]): Verdict {
  const order = ['worse', 'inconclusive', 'better', 'same'] as const;
  return order.find((verdict) => verdicts.includes(verdict)) ?? 'inconclusive';
}
