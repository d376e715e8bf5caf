import { strict as assert } from 'node:assert';
import { geometricMean, median, pairedRatio, spread } from '../../src/bench/statistics.js';

describe('the statistics of the benchmarks', () => {
  it('take the middle, or the mean of both middles', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
  });

  it('tell the spread', () => {
    assert.deepEqual(spread([2, 9, 4]), { median: 4, minimum: 2, maximum: 9 });
  });

  it('multiply where ratios are averaged', () => {
    assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-12);
    assert.ok(Number.isNaN(geometricMean([])));
  });

  it('compare what was measured in the same round', () => {
    // The host was ten times slower in the last round: the ratio of medians would be off, that of pairs is not.
    const slow = new Map([
      [0, 2],
      [1, 20],
      [2, 22],
    ]);
    const fast = new Map([
      [0, 1],
      [1, 1],
      [2, 11],
    ]);
    assert.equal(pairedRatio(slow, fast), 2);
  });

  it('leave out rounds that only one took part in', () => {
    const all = new Map([
      [0, 6],
      [1, 50],
    ]);
    assert.equal(pairedRatio(all, new Map([[0, 3]])), 2);
    assert.ok(Number.isNaN(pairedRatio(all, new Map([[7, 3]]))));
  });
});
