import { strict as assert } from 'node:assert';
import { mostFrequent, ratesBetween, short } from '../../src/web/rates.js';

const sample = (elapsedSeconds: number, instructions: number, executed: number, misses: number) => ({
  time: new Date(1000 * elapsedSeconds).toISOString(),
  counters: {
    elapsedSeconds,
    cpus: [
      { instructions, tlbMisses: misses },
      { instructions, tlbMisses: 0 },
    ],
    direct: [{ executed }, { executed: 0 }],
    switches: [
      { slowLoad: executed / 10, miss: 0 },
      { slowLoad: 0, miss: 5 },
    ],
    board: {},
  },
});

describe('rates of the charts', () => {
  it('are of all CPUs, a second', () => {
    const rates = ratesBetween(sample(1, 1e6, 0, 10), sample(3, 5e6, 4e6, 30));
    assert.deepEqual(rates, {
      time: 3,
      instructions: 4,
      translatedShare: 50,
      tlbMisses: 10,
      switches: { slowLoad: 2e5, miss: 0 },
    });
  });

  it('are none when no time has passed, or the machine began anew', () => {
    assert.equal(ratesBetween(sample(2, 1, 1, 1), sample(2, 1, 1, 1)), undefined);
    assert.equal(ratesBetween(sample(9, 1, 1, 1), sample(1, 1, 1, 1)), undefined);
  });

  it('put the most frequent causes first', () => {
    const at = (switches: Record<string, number>) => ({
      time: 0,
      instructions: 0,
      translatedShare: 0,
      tlbMisses: 0,
      switches,
    });
    assert.deepEqual(mostFrequent([at({ a: 1, b: 3, c: 0 }), at({ a: 1, d: 9 })], 2), ['d', 'b']);
  });

  it('are written short', () => {
    assert.deepEqual([0, 1.5, 42, 1234, 5.6e6, 7e9].map(short), ['0', '1.5', '42', '1.23 k', '5.60 M', '7.00 G']);
  });
});
