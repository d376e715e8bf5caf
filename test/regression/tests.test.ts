import { strict as assert } from 'node:assert';
import { seededRandom } from '../../src/regression/random.js';
import {
  holm,
  mannWhitney,
  medianInterval,
  medianRatioInterval,
  noiseFloor,
  signedRank,
} from '../../src/regression/tests.js';

function near(value: number, expected: number, tolerance = 1e-6): void {
  assert.ok(Math.abs(value - expected) <= tolerance, `${value} is not ${expected}`);
}

describe('the statistical tests of regression runs', () => {
  it('give the p of Mann and Whitney, exactly without ties', () => {
    // scipy 1.x: mannwhitneyu(x, y, method='exact') = (58.0, 0.13591114767585355).
    const x = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.061, 3.14, 1.29001];
    near(mannWhitney(x, y), 0.13591114767585355, 1e-12);
    near(mannWhitney(y, x), 0.13591114767585355, 1e-12);
    // Of the 252 orders of five and five, one is at either end: 2 / 252.
    near(mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252, 1e-12);
  });

  it('give it by the normal distribution with ties', () => {
    // scipy: mannwhitneyu(x, y, method='asymptotic', use_continuity=True) = (9.5, 0.03406014896099874).
    near(mannWhitney([1, 2, 2, 3, 4, 4, 4, 5], [2, 4, 5, 5, 6, 7, 7]), 0.03406014896099874);
    assert.equal(mannWhitney([3, 3, 3], [3, 3, 3]), 1);
    assert.equal(mannWhitney([], [1]), 1);
  });

  it("give the p of Wilcoxon's signed ranks", () => {
    // scipy: wilcoxon(d, method='exact') = (5.0, 0.0390625).
    near(signedRank([0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01]), 0.0390625, 1e-12);
    // scipy: wilcoxon(d, method='approx', correction=True) = (6.5, 0.035927899120529315).
    near(signedRank([1, 1, -2, 3, 3, -1, 4, 5, 2, 6]), 0.035927899120529315);
    // Ten of one sign: 2 / 2^10.
    near(signedRank([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 2 / 1024, 1e-12);
    assert.equal(signedRank([0, 0]), 1);
  });

  it("correct for many questions as Holm's method does", () => {
    // By hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04, which may not be less than the one before it.
    holm([0.01, 0.04, 0.03, 0.005]).forEach((p, index) => {
      near(p, [0.03, 0.06, 0.06, 0.02][index] ?? 0, 1e-12);
    });
    assert.deepEqual(holm([]), []);
  });

  it('give intervals that hold the true median about as often as they say, and are the same each time', () => {
    const random = seededRandom(3);
    let inside = 0;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const { low, high } = medianInterval(Array.from({ length: 15 }, () => random()));
      if (low <= 0.5 && high >= 0.5) inside++;
    }
    assert.ok(inside >= 52, `${inside} of ${rounds}`);
    assert.deepEqual(medianInterval([1, 2, 3, 4]), medianInterval([1, 2, 3, 4]));
    const ratio = medianRatioInterval([2, 2, 2], [1, 1, 1]);
    assert.deepEqual(ratio, { low: 2, high: 2 });
  });

  it('tell how far the median of pairs strays when nothing differs', () => {
    assert.ok(Number.isNaN(noiseFloor([], 10)));
    near(noiseFloor([1, 1, 1, 1], 10), 0);
    const ratios = [0.95, 1.01, 1.04, 0.99, 1.02, 0.97, 1, 1.03];
    const [few, many] = [noiseFloor(ratios, 5), noiseFloor(ratios, 50)];
    assert.ok(few > many && many > 0 && few < 0.06, `${few} ${many}`);
  });
});
