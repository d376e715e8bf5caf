import { strict as assert } from 'node:assert';
import { seededRandom } from '../../src/regression/random.js';
import { compare, overall, type Question, type Verdict } from '../../src/regression/verdict.js';

/** Times as a shared machine gives them: a drift that both of a pair share, noise of each, now and then a burst. */
function simulate(pairs: number, effect: number, random: () => number): Question {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const base: number[] = [];
  const head: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const drift = 1 + 0.1 * Math.sin(pair / 3) + 0.05 * random();
    const time = () => drift * Math.exp(0.01 * normal()) * (random() < 0.05 ? 1.2 : 1);
    base.push(time());
    head.push(time() * (1 + effect));
  }
  return { workload: 'w', metric: 'wall', base, head, paired: true, noise: Number.NaN };
}

describe('verdicts', () => {
  const one = (question: Question) => compare([question])[0]?.verdict;
  const question = (base: number[], head: number[], paired: boolean): Question => {
    return { workload: 'w', metric: 'cpu', base, head, paired, noise: Number.NaN };
  };
  const steady = [10, 10.01, 10.02, 10.03, 10.04, 10.05, 10.06, 10.07];

  it('say better, same, worse and inconclusive', () => {
    for (const paired of [true, false]) {
      const times = (factor: number) =>
        question(
          steady,
          steady.map((value) => value * factor + value / 1e4),
          paired,
        );
      assert.equal(one(times(1.1)), 'worse');
      assert.equal(one(times(0.9)), 'better');
      assert.equal(one(times(1)), 'same');
      assert.equal(one(question([10, 14, 9], [11, 9, 15], paired)), 'inconclusive');
    }
  });

  it('take one run of each for all where every run gives the same', () => {
    const counted = (base: number[], head: number[]) => ({ ...question(base, head, true), exact: true });
    assert.equal(one(counted([1000], [1030])), 'worse');
    assert.equal(one(counted([1000, 1000], [970, 970])), 'better');
    assert.equal(one(counted([1000], [1001])), 'same');
    assert.equal(one(counted([1000, 1000], [1030, 1031])), 'inconclusive', 'they did not');
    assert.equal(one(question([1000], [1030], true)), 'inconclusive', 'nobody says so');
  });

  it('call nothing different that is smaller than what matters, or than the noise of the machine', () => {
    const slower = question(
      steady,
      steady.map((value) => value * 1.03 + value / 1e4),
      true,
    );
    assert.equal(compare([slower], { alpha: 0.05, minimumEffect: 0.05 })[0]?.verdict, 'same');
    assert.equal(one({ ...slower, noise: 0.02 }), 'worse');
    assert.equal(one({ ...slower, noise: 0.05 }), 'same');
  });

  it('leave out what has no times', () => {
    assert.deepEqual(compare([question([], [1], true), question([0], [1], true)]), []);
    assert.equal(overall([]), 'inconclusive');
  });

  it('of many workloads are that of the worst', () => {
    const cases: [Verdict[], Verdict][] = [
      [['same', 'better', 'worse', 'inconclusive'], 'worse'],
      [['same', 'better', 'inconclusive'], 'inconclusive'],
      [['same', 'better'], 'better'],
      [['same', 'same'], 'same'],
    ];
    for (const [verdicts, expected] of cases) assert.equal(overall(verdicts), expected);
  });

  it('raise a false alarm in fewer than 5 % of comparisons of the same thing', function () {
    this.timeout(60_000);
    const random = seededRandom(11);
    const rounds = 200;
    let alarms = 0;
    for (let round = 0; round < rounds; round++) {
      const verdict = one(simulate(15, 0, random));
      if (verdict === 'worse' || verdict === 'better') alarms++;
    }
    assert.ok(alarms < rounds * 0.05, `${alarms} of ${rounds}`);
  });

  it('find 3 % in nine of ten comparisons', function () {
    this.timeout(60_000);
    const random = seededRandom(12);
    const rounds = 50;
    let found = 0;
    for (let round = 0; round < rounds; round++) if (one(simulate(20, 0.03, random)) === 'worse') found++;
    assert.ok(found >= rounds * 0.9, `${found} of ${rounds}`);
  });
});
