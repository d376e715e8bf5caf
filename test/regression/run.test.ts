import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { projectRoot } from '../../src/paths.js';
import { type RunResult, RunResultSchema } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment } from '../support/workloads.js';

const hello = 'title: Hello\nimage: bare/hello\n';

describe('beeline bench run', function () {
  this.timeout(120_000);
  const folder = new TemporaryFolder();
  const add = (name: string, text: string) => addWorkload(folder, name, text);
  const bench = (...args: string[]) =>
    beeline(['bench', ...args], {
      env: benchEnvironment(folder),
      limit: 110,
    });
  const result = (file: string): RunResult => {
    const value: unknown = JSON.parse(readFileSync(folder.at(file), 'utf8'));
    assert.ok(Value.Check(RunResultSchema, value), JSON.stringify([...Value.Errors(RunResultSchema, value)][0]));
    return value;
  };

  it('measures phases in pairs, and compares with another Beeline and a result', async () => {
    add('hello', `${hello}phases: [{ name: first, until: '^PASS' }, { name: rest, until: '^DONE' }]\nends: poweroff\n`);
    const options = ['--runs', '2', '--warm-up', '0', '--in-turns'];
    const first = await bench('run', ...options, '--against', projectRoot, '--json', folder.at('a.json'));
    const { runs, subjects } = result('a.json');
    assert.deepEqual(
      runs.map(({ subject, pair }) => `${pair} ${subject}`),
      ['0 base', '0 head', '1 head', '1 base'],
      first.stderr,
    );
    assert.deepEqual(
      subjects.map(({ kind }) => kind),
      ['beeline', 'beeline'],
    );
    for (const run of runs) {
      assert.ok(run.status === 'done');
      assert.deepEqual(
        run.phases.map(({ name }) => name),
        ['first', 'rest'],
      );
      const { wallSeconds = 0, cpuSeconds = 0, peakMemoryBytes = 0, instructions = 0, counters = {} } = run.total;
      assert.ok(wallSeconds > 0 && cpuSeconds > 0 && peakMemoryBytes > 1e6 && instructions > 100);
      assert.ok(Object.keys(counters).length > 3);
    }
    // Two pairs are never enough.
    assert.equal(first.status, 12);
    assert.match(first.stdout, /^\| hello +\| cpu .*inconclusive/m);

    const again = await bench('compare', folder.at('a.json'), folder.at('a.json'));
    assert.equal(again.status, 12, again.stderr);
    assert.match(again.stdout, /inconclusive/);
    const elsewhere = { ...result('a.json'), fingerprint: { ...result('a.json').fingerprint, id: '0123456789ab' } };
    writeFileSync(folder.at('b.json'), JSON.stringify(elsewhere));
    const apart = await bench('compare', folder.at('a.json'), folder.at('b.json'));
    assert.equal(apart.status, 2);
    assert.match(apart.stderr, /different machines/);
    const across = await bench('compare', folder.at('a.json'), folder.at('b.json'), '--across-machines');
    assert.equal(across.status, again.status);
  });

  it('runs two Beelines at the same time on one core, and compares the pairs of one result', async () => {
    add('hello', `${hello}phases: [{ name: all, until: '^DONE' }]\n`);
    add('two-cpus', `${hello}cpus: 2\nphases: [{ name: all, until: '^DONE' }]\n`);
    const options = ['--runs', '1', '--warm-up', '0', '--json'];
    await bench('run', ...options, folder.at('pairs.json'), '--against', projectRoot);
    const { together, runs } = result('pairs.json');
    assert.equal(together, true);
    for (const run of runs) {
      assert.ok(run.status === 'done' && (run.total.cpuSeconds ?? 0) > 0);
      assert.equal(run.total.wallSeconds !== undefined, run.workload === 'two-cpus', 'whoever shares has no wall time');
    }
    const pairs = await bench('compare', folder.at('pairs.json'));
    assert.equal(pairs.status, 12, pairs.stderr);
    assert.match(pairs.stdout, /^\| hello +\| cpu .*inconclusive/m);
    await bench('run', 'hello', ...options, folder.at('alone.json'));
    assert.match((await bench('compare', folder.at('alone.json'))).stderr, /it is of one Beeline alone/);
    const apart = await bench('compare', folder.at('pairs.json'), folder.at('alone.json'));
    assert.equal(apart.status, 2);
    assert.match(apart.stderr, /shared a core/);
  });

  it('names what fails, records no time of it, and goes on', async () => {
    const passed = "{ name: all, until: '^DONE' }";
    add('a-missed', `${hello}phases: [{ name: all, until: 'never printed' }]\n`);
    add('b-wrong', `${hello}phases: [{ name: all, until: '^DONE', expect: '^42$' }]\n`);
    add('c-forbidden', `${hello}phases: [${passed}]\nnever: ['^PASS']\n`);
    add('d-none', `${hello}kern: true\nphases: [${passed}]\n`);
    add(
      'e-panic',
      `title: P\nimage: debian-busybox\nappend: rdinit=/none init=/none\nphases: [{ name: boot, until: never }]\n`,
    );
    add('f-refused', `${hello}memory: 2M\nphases: [${passed}]\n`);
    add('g-good', `${hello}phases: [${passed}]\n`);
    const options = ['--runs', '1', '--warm-up', '0', '--reference', '/nowhere/qemu', '--json', folder.at('r.json')];
    const { status, stdout, stderr } = await bench('run', ...options);
    assert.equal(status, 1, stderr);
    const { runs } = result('r.json');
    const found = runs
      .filter(({ subject }) => subject === 'head')
      .map((run) => `${run.workload} ${run.status === 'failed' ? run.kind : run.status}`);
    assert.deepEqual(found, [
      'a-missed guest-ended',
      'b-wrong wrong-output',
      'c-forbidden wrong-output',
      'd-none not-started',
      'e-panic guest-panic',
      'f-refused not-started',
      'g-good done',
    ]);
    assert.ok(runs.every((run) => run.status === 'done' || (run.phase === null) === /start|qemu/.test(run.kind)));
    assert.equal(runs.filter((run) => run.status === 'failed' && run.kind === 'qemu-missing').length, 7);
    assert.match(stdout, /^\* e-panic, head, boot: \*\*guest-panic\*\*, .*not syncing/m);
    assert.match(stdout, /^\* f-refused, head: \*\*not-started\*\*, .*memory/m);
  });

  it('refuses what it cannot compare with', async () => {
    add('hello', `${hello}phases: [{ name: all, until: '^DONE' }]\n`);
    const refused = await bench('run', '--against', 'no-such-revision');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /no revision of this clone/);
    writeFileSync(folder.at('broken.json'), '{}');
    assert.match((await bench('run', '--against', folder.at('broken.json'))).stderr, /no result of beeline bench run/);
    assert.equal((await bench('run', '--minimum-effect', 'much')).status, 2);
  });
});
