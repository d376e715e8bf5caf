import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { techniqueNames } from '../../src/cli/techniques.js';
import { projectRoot } from '../../src/paths.js';
import { ablationBars, ablationSubjects } from '../../src/regression/ablation.js';
import { ablationSections } from '../../src/regression/ablation-chart.js';
import { type Run, type RunResult, RunResultSchema } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment } from '../support/workloads.js';

describe('beeline bench ablation', function () {
  this.timeout(120_000);
  const folder = new TemporaryFolder();

  const run = (workload: string, subject: string, pair: number, cpuSeconds: number, switches: number): Run => {
    const boot = { name: 'boot', cpuSeconds: 100 };
    const work = { name: 'work', cpuSeconds, counters: { instructions: 2e6, 'switch-miss': switches } };
    return { workload, subject, pair, status: 'done', phases: [boot, work], total: { cpuSeconds: 100 + cpuSeconds } };
  };
  const subject = (name: string, ...disabled: string[]) => ({
    name,
    kind: 'beeline' as const,
    revision: '1',
    disabled,
  });
  const sample = (runs: Run[]) =>
    ({
      subjects: [subject('head'), subject('without a', 'a'), subject('without b', 'b')],
      purpose: 'ablation',
      runs,
    }) as unknown as RunResult;

  it('takes geometric means of the last phases, by round', () => {
    const result = sample([
      run('x', 'head', 0, 1, 10),
      run('x', 'without a', 0, 2, 30),
      run('y', 'head', 0, 1, 10),
      run('y', 'without a', 0, 8, 50),
      run('x', 'head', 1, 2, 10),
      run('x', 'without a', 1, 4, 40),
      { workload: 'y', subject: 'without a', pair: 1, status: 'failed', kind: 'guest-panic', phase: null, detail: '' },
    ]);
    const [bar, ...others] = ablationBars(result, 'cpu');
    assert.equal(others.length, 0);
    assert.ok(bar !== undefined && Math.abs(bar.ratio - 4) < 1e-9);
    assert.deepEqual(
      [...bar.byWorkload],
      [
        ['x', 2],
        ['y', 8],
      ],
    );
    assert.equal(bar.switchesPerMillion, 20);
  });

  it('draws longer bars for what is worth more', () => {
    const runs = [run('x', 'head', 0, 1, 10), run('x', 'without a', 0, 1.5, 1), run('x', 'without b', 0, 3, 1)];
    const text = ablationSections(sample(runs), 'cpu')
      .map(([, body]) => body)
      .join('');
    const length = (name: string) => new RegExp(`^without ${name} .*?(█+)`, 'm').exec(text)?.[1]?.length ?? 0;
    assert.equal(length('b'), 40);
    assert.ok(length('a') > 10 && length('a') < 20, text);
    assert.match(text, /^\| a +\| 1\.50 \| +0\.500 \|$/m);
  });

  it('knows every technique, and what is without any', () => {
    const subjects = ablationSubjects(projectRoot, [...techniqueNames, 'all'], techniqueNames);
    assert.equal(subjects.length, techniqueNames.length + 2);
    assert.deepEqual(subjects.at(-1)?.description.disabled, [...techniqueNames]);
  });

  it('measures in turns, keeps the result and draws it again', async () => {
    const phases = "phases: [{ name: all, until: '^DONE' }]\n";
    addWorkload(folder, 'hello', `title: Hello\nimage: bare/hello\n${phases}`);
    const env = benchEnvironment(folder);
    const file = folder.at('a.json');
    const only = ['--only', 'superblocks,all', '--runs', '2', '--warm-up', '0', '--json', file];
    const first = await beeline(['bench', 'ablation', ...only], { env });
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /^without superblocks +[0-9.]+ \[/m);
    const result: unknown = JSON.parse(readFileSync(file, 'utf8'));
    assert.ok(Value.Check(RunResultSchema, result));
    assert.deepEqual(
      result.runs.map((one) => `${one.pair} ${one.subject}`),
      ['0 head', '0 without superblocks', '0 without all', '1 without all', '1 without superblocks', '1 head'],
    );
    assert.equal(result.subjects[2]?.disabled.length, techniqueNames.length);
    const again = await beeline(['bench', 'show', result.id], { env });
    assert.match(again.stdout, /^without all +[0-9.]+ \[/m);
    const refused = await beeline(['bench', 'ablation', '--only', 'magic'], { env });
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /magic is no technique/);
  });
});
