import { strict as assert } from 'node:assert';
import { describeEnvironment } from '../../src/bench/environment.js';
import { machineFingerprint } from '../../src/regression/fingerprint.js';
import { History } from '../../src/regression/history.js';
import type { RunResult } from '../../src/regression/result.js';
import { changesIn, seriesOf } from '../../src/regression/series.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

function made(index: number, cpuSeconds: number, more: Partial<RunResult> = {}): RunResult {
  return {
    schema: 'beeline.bench-run.1',
    id: `r${index}`,
    startedAt: new Date(Date.UTC(2026, 0, 1 + index)).toISOString(),
    purpose: 'measure',
    environment: describeEnvironment(undefined),
    fingerprint: machineFingerprint(),
    icount: false,
    interrupted: false,
    subjects: [{ name: 'head', kind: 'beeline', revision: `revision${index}`, disabled: [] }],
    runs: [0.99, 1, 1.02].map((noise, pair) => {
      const total = { cpuSeconds: cpuSeconds * noise, instructions: 1000 };
      return { workload: 'w', subject: 'head', pair, status: 'done', phases: [], total };
    }),
    ...more,
  };
}

const disabled: RunResult['subjects'] = [{ name: 'head', kind: 'beeline', revision: 'x', disabled: ['site-cache'] }];

describe('series of results', function () {
  this.timeout(30_000);
  const folder = new TemporaryFolder();
  const steps = Array.from({ length: 20 }, (_, index) => made(index, (index < 12 ? 2 : 2.2) + (index % 3) * 0.01));

  it('hold what may be compared, and tell when it changed', () => {
    const others = [
      made(20, 9, { subjects: disabled }),
      made(21, 9, { purpose: 'calibrate' }),
      made(22, 9, { icount: true }),
      made(23, 9, { runs: [] }),
    ];
    const [usual, counted, ...more] = seriesOf([...steps, ...others]);
    assert.ok(usual !== undefined && counted !== undefined && more.length === 0);
    assert.equal(usual.points.length, 20);
    assert.deepEqual(usual.points[0], { id: 'r0', startedAt: steps[0]?.startedAt, revision: 'revision0', value: 2 });
    assert.deepEqual([counted.icount, counted.metric, counted.points.length], [true, 'instructions', 1]);
    const [change, ...further] = changesIn(usual);
    assert.ok(change?.index === 12 && further.length === 0);
    assert.ok(Math.abs(change.after / change.before - 1.1) < 0.01);
    assert.deepEqual(changesIn(usual, { window: 50, maximumP: 0.001, minimumEffect: 0.2, fewest: 3 }), []);
  });

  it('are told by beeline bench history --change-points', async () => {
    const env = { BEELINE_BENCH_HISTORY: folder.at('bench.sqlite') };
    const history = History.open(env.BEELINE_BENCH_HISTORY);
    for (const result of steps) history.add(result);
    history.close();
    const { stdout, status } = await beeline(['bench', 'history', '--change-points'], { env });
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^\| w +\| cpu +\| 2026-01-13T00:00 \| r12 +\| revision11 +\| revision12 \| +2\.01 s \| +2\.21 s \| +\+10\.\d % \| <0\.001 \|$/m,
    );
    const none = await beeline(['bench', 'history', '--change-points', '--metric', 'instructions'], { env });
    assert.equal(none.stdout, 'No change in 1 series of up to 20 results.\n');
  });
});
