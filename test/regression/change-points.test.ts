import { strict as assert } from 'node:assert';
import { changePoints, effectOf, usualChangePoints } from '../../src/regression/change-points.js';
import { seededRandom } from '../../src/regression/random.js';
import { studentT } from '../../src/regression/student.js';

const random = seededRandom(11);

/** Box and Muller's. */
function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** As many values of each level as are given, with noise of that share. */
function levels(noise: number, ...parts: readonly (readonly [count: number, level: number])[]): number[] {
  return parts.flatMap(([count, level]) => Array.from({ length: count }, () => level * (1 + noise * normal())));
}

function indexes(values: readonly number[]): number[] {
  return changePoints(values).map(({ index }) => index);
}

function near(found: readonly number[], expected: readonly number[], distance: number): void {
  assert.equal(found.length, expected.length, JSON.stringify(found));
  found.forEach((index, position) => {
    assert.ok(Math.abs(index - (expected[position] ?? 0)) <= distance, JSON.stringify(found));
  });
}

describe("student's t-test", () => {
  it('agrees with published quantiles', () => {
    // The 97.5 % quantiles of 4, 10 and 30 degrees of freedom: samples that have exactly that t.
    for (const [freedom, quantile] of [
      [4, 2.7764451],
      [10, 2.2281389],
      [30, 2.0422725],
    ] as const) {
      const n = freedom / 2 + 1;
      const x = Array.from({ length: n }, (_, index) => index);
      const middle = (n - 1) / 2;
      const variance = (2 * x.reduce((sum, value) => sum + (value - middle) ** 2, 0)) / freedom;
      const y = x.map((value) => value + quantile * Math.sqrt((variance * 2) / n));
      assert.ok(Math.abs(studentT(x, y) - 0.05) < 1e-6, String(studentT(x, y)));
    }
    assert.equal(studentT([1, 1], [1, 1, 1]), 1);
    assert.equal(studentT([1, 1], [2, 2]), 0);
    assert.equal(studentT([1], [2]), 1);
  });
});

describe('change points', () => {
  it('are where steps were planted', () => {
    const one = levels(0.01, [20, 10], [15, 10.5]);
    near(indexes(one), [20], 0);
    const [change] = changePoints(one);
    assert.ok(change !== undefined && Math.abs(effectOf(change) - 0.05) < 0.01 && change.p < 1e-6);
    near(indexes(levels(0.01, [30, 10], [30, 9], [30, 9.5])), [30, 60], 1);
    // What changes there and back.
    near(indexes(levels(0.01, [30, 10], [10, 11], [30, 10])), [30, 40], 1);
    // Longer than a window, found whichever window the step is in.
    near(indexes(levels(0.01, [120, 10], [60, 10.4])), [120], 2);
  });

  it('are the same when more values come that show nothing new', () => {
    const values = levels(0.01, [40, 10], [200, 10.6]);
    for (const count of [50, 75, 100, 150, 240]) near(indexes(values.slice(0, count)), [40], 0);
  });

  it('are few in noise', () => {
    const kinds: readonly (() => number)[] = [
      () => 100 + 2 * normal(),
      // Times have a long tail to one side.
      () => 100 * Math.exp(0.02 * Math.abs(normal()) ** 1.5),
    ];
    for (const kind of kinds) {
      const series = Array.from({ length: 100 }, () => Array.from({ length: 30 }, kind));
      const alarms = series.filter((values) => indexes(values).length > 0).length;
      assert.ok(alarms < 5, `${alarms} of 100`);
    }
  });

  it('are no outliers, and are found next to them', () => {
    const flat = levels(0.01, [40, 10]);
    for (const at of [0, 20, 38, 39]) assert.deepEqual(indexes(flat.with(at, 13)), [], String(at));
    const step = levels(0.01, [20, 10], [20, 11]);
    for (const at of [10, 18, 22]) near(indexes(step.with(at, 12)), [20], 2);
  });

  it('need enough values on both sides, and an effect that matters', () => {
    for (const values of [[], [1], [1, 2], [1, 1, 2, 2], [1, 1, 1, 2, 2], levels(0.05, [3, 10], [3, 10.5])]) {
      assert.deepEqual(indexes(values), []);
    }
    assert.deepEqual(indexes([10, 10.01, 9.99, 12, 12.01, 11.99]), [3]);
    // Counted in instructions there is no noise at all.
    assert.deepEqual(indexes([100, 100, 100, 103, 103, 103]), [3]);
    assert.deepEqual(indexes([1000, 1000, 1000, 1003, 1003, 1003]), []);
    assert.equal(
      changePoints([1000, 1000, 1000, 1003, 1003, 1003], { ...usualChangePoints, minimumEffect: 0 }).length,
      1,
    );
  });

  it('split where the energy distance says, computed from its definition', () => {
    const energy = (x: readonly number[], y: readonly number[]) => {
      const sum = (a: readonly number[], b: readonly number[]) =>
        a.reduce((all, one) => all + b.reduce((own, other) => own + Math.abs(one - other), 0), 0);
      const [n, m] = [x.length, y.length];
      return ((n * m) / (n + m)) * ((2 * sum(x, y)) / (n * m) - sum(x, x) / (n * (n - 1)) - sum(y, y) / (m * (m - 1)));
    };
    for (let round = 0; round < 20; round++) {
      const count = 8 + Math.floor(random() * 20);
      const values = levels(0.01, [count, 10], [count, 12]);
      let best = { index: 0, value: Number.NEGATIVE_INFINITY };
      for (let index = 3; index <= values.length - 3; index++)
        for (let end = index + 3; end <= values.length; end++) {
          const value = energy(values.slice(0, index), values.slice(index, end));
          if (value > best.value) best = { index, value };
        }
      assert.ok(indexes(values).includes(best.index));
    }
  });
});
