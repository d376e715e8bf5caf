import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import sqlite from 'node-sqlite3-wasm';
import { describeEnvironment } from '../../src/bench/environment.js';
import { runTool } from '../../src/process.js';
import { exportResult } from '../../src/regression/export.js';
import { machineFingerprint } from '../../src/regression/fingerprint.js';
import { History } from '../../src/regression/history.js';
import type { Run, RunResult, SubjectDescription } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';

const subject = (name: string): SubjectDescription => ({ name, kind: 'beeline', revision: '1', disabled: [] });

function made(id: string, purpose: RunResult['purpose'], times: readonly (readonly [number, number])[]): RunResult {
  const runs = times.flatMap((pair, index) =>
    ['base', 'head'].map((name, side): Run => {
      const total = { wallSeconds: 1, cpuSeconds: pair[side] ?? 1 };
      return { workload: 'w', subject: name, pair: index, status: 'done', phases: [], total };
    }),
  );
  return {
    schema: 'beeline.bench-run.1',
    id,
    startedAt: `2026-01-01T00:00:00.${id.padStart(3, '0')}Z`,
    purpose,
    environment: describeEnvironment(undefined),
    fingerprint: machineFingerprint(),
    icount: false,
    interrupted: false,
    subjects: [subject('base'), subject('head')],
    runs,
  };
}

describe('the history of regression runs', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();
  const path = () => folder.at('state', 'bench.sqlite');
  const withHistory = <T>(body: (history: History) => T) => {
    const history = History.open(path());
    try {
      return body(history);
    } finally {
      history.close();
    }
  };

  it('keeps results, each once, and tells machines apart', () => {
    const one = made('1', 'measure', [[1, 1]]);
    const two = { ...made('2', 'measure', [[1, 2]]), fingerprint: { ...machineFingerprint(), id: '0123456789ab' } };
    withHistory((history) => {
      history.add(two);
      history.add(one);
      history.add(one);
    });
    withHistory((history) => {
      assert.deepEqual(
        history.results().map(({ id }) => id),
        ['1', '2'],
      );
      assert.deepEqual(
        history.results({ fingerprint: '0123456789ab' }).map(({ id }) => id),
        ['2'],
      );
      assert.deepEqual(history.results({ purpose: 'calibrate' }), []);
      assert.deepEqual(history.find('1'), one);
      assert.equal(history.find('3'), undefined);
    });
  });

  it('knows the noise of the machine that was calibrated', () => {
    withHistory((history) => {
      const { id } = machineFingerprint();
      assert.ok(Number.isNaN(history.noiseOf(id, false)('w', 'cpu', 10)));
      history.add(made('1', 'measure', [[1, 9]]));
      history.add(
        made('2', 'calibrate', [
          [1, 1.02],
          [1, 0.97],
          [1, 1.01],
          [1, 1],
        ]),
      );
      const noise = history.noiseOf(id, false)('w', 'cpu', 10);
      assert.ok(Number.isNaN(history.noiseOf(id, true)('w', 'cpu', 10)), 'of pairs that ran in turns');
      assert.ok(noise > 0 && noise < 0.035, String(noise));
      assert.ok(Number.isNaN(history.noiseOf('0123456789ab', false)('w', 'cpu', 10)));
    });
  });

  it('is refused when a newer Beeline wrote it, or when it is none, and stays as it is', () => {
    withHistory(() => undefined);
    const database = new sqlite.Database(path());
    database.exec('PRAGMA user_version = 2');
    database.close();
    const before = readFileSync(path());
    throwsCode('BEELINE_E_BENCH_HISTORY', () => History.open(path()));
    assert.deepEqual(readFileSync(path()), before);
    writeFileSync(
      folder.at('text'),
      'this is no database, but text that is long enough to be taken for one '.repeat(20),
    );
    throwsCode('BEELINE_E_BENCH_HISTORY', () => History.open(folder.at('text')));
  });

  it('says so when the disk is full, and loses nothing that it had', () => {
    withHistory((history) => history.add(made('1', 'measure', [[1, 1]])));
    writeFileSync(folder.at('big.json'), JSON.stringify(made('2', 'measure', new Array(3000).fill([1, 1]))));
    // The shell's limit is the size a file may have, in KiB: the same error as from a full disk.
    const program = [
      `import { readFileSync } from 'node:fs';`,
      `import { History } from '${new URL('../../src/regression/history.js', import.meta.url)}';`,
      `try { History.open(process.argv[1]).add(JSON.parse(readFileSync(process.argv[2], 'utf8'))); }`,
      'catch (error) { console.log(error.message); }',
    ].join('\n');
    const script = 'ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2" "$3"';
    const args = ['-c', script, process.execPath, program, path(), folder.at('big.json')];
    const { stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
    assert.match(stdout, /disk may be full/, stderr);
    withHistory((history) =>
      assert.deepEqual(
        history.results().map(({ id }) => id),
        ['1'],
      ),
    );
  });

  it('is used by several at once, and after somebody was killed while using it', async () => {
    writeFileSync(folder.at('result.json'), JSON.stringify(made('', 'measure', [[1, 1]])));
    const program = [
      `import { readFileSync } from 'node:fs';`,
      `import { History } from '${new URL('../../src/regression/history.js', import.meta.url)}';`,
      `const [path, file, name] = process.argv.slice(1);`,
      `const result = JSON.parse(readFileSync(file, 'utf8'));`,
      `for (let count = 0; count < 10; count++) {`,
      `  const history = History.open(path);`,
      `  history.add({ ...result, id: name + count });`,
      `  history.results();`,
      `  history.close();`,
      `}`,
    ].join('\n');
    const use = (name: string) =>
      runTool(process.execPath, ['--input-type=module', '-e', program, path(), folder.at('result.json'), name]);
    await Promise.all(['a', 'b', 'c'].map(use));
    assert.equal(withHistory((history) => history.results()).length, 30);
    // What it leaves behind.
    mkdirSync(`${path()}.lock`);
    const history = History.open(path(), 200);
    history.add(made('1', 'measure', [[1, 1]]));
    assert.equal(history.results().length, 31);
    history.close();
  });

  it('is listed, shown, compared and exported', async () => {
    withHistory((history) => {
      history.add(made('11', 'measure', [[1, 1]]));
      history.add(made('12', 'measure', [[1, 2]]));
    });
    const env = { BEELINE_BENCH_HISTORY: path() };
    assert.match((await beeline(['bench', 'history'], { env })).stdout, /^11 .*\n12 /);
    assert.match((await beeline(['bench', 'show', '12'], { env })).stdout, /^Result 12, /);
    assert.equal((await beeline(['bench', 'compare', '11', '12'], { env })).status, 12);
    const exported = await beeline(['bench', 'export', '12', '--format', 'github'], { env });
    assert.deepEqual(
      (JSON.parse(exported.stdout) as { value: number }[]).map(({ value }) => value),
      [1, 1, 1, 2],
    );
    assert.equal((await beeline(['bench', 'show', '13'], { env })).status, 2);
  });

  it('is exported in the words of other programs', () => {
    const result = made('1', 'measure', [[1, 2]]);
    const failed: Run = {
      ...{ workload: 'x', subject: 'head', pair: 0, status: 'failed', kind: 'wrong-output' },
      ...{ phase: 'all', detail: 'a < "b"\x01' },
    } as Run;
    const all = { ...result, runs: [...result.runs, failed] };
    assert.match(exportResult(all, 'junit'), /tests="3" failures="1".*message="a &lt; &quot;b&quot;"/s);
    assert.match(exportResult(all, 'prometheus'), /^beeline_bench_cpu_seconds\{workload="w",subject="head",.*\} 2$/m);
    assert.deepEqual(JSON.parse(exportResult(all, 'json')), JSON.parse(JSON.stringify(all)));
  });
});
