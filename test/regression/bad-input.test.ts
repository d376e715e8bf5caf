// What can go wrong on the way is named, recorded as failed, and never as a time.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import sqlite from 'node-sqlite3-wasm';
import { projectRoot } from '../../src/paths.js';
import { History } from '../../src/regression/history.js';
import { readResult } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment } from '../support/workloads.js';

const hello = "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^DONE' }]\n";
const once = ['--runs', '1', '--warm-up', '0'];

describe('beeline bench, when things go wrong,', function () {
  this.timeout(180_000);
  const folder = new TemporaryFolder();
  const history = () => folder.at('history.sqlite');
  const add = (name: string, text: string) => addWorkload(folder, name, text);
  const bench = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
    beeline(['bench', ...args], {
      env: { ...benchEnvironment(folder), ...more },
      limit: 170,
    });

  it('waits no longer than it should for a landmark', async () => {
    add(
      'a',
      "title: Mute\nimage: bare/stress\nappend: seconds=60\ntimeout: 2\nphases: [{ name: all, until: 'never' }]\n",
    );
    add('b', hello);
    const file = folder.at('r.json');
    const { status, stdout, stderr } = await bench(['run', ...once, '--json', file]);
    assert.equal(status, 1, stderr);
    const [missed, good] = readResult(file).runs;
    assert.ok(missed?.status === 'failed' && missed.kind === 'landmark-missed' && missed.phase === 'all');
    assert.ok(!('total' in missed) && !('phases' in missed));
    assert.equal(good?.status, 'done');
    assert.match(stdout, /^\* a, head, all: \*\*landmark-missed\*\*, no answer for 2 s/m);
  });

  it('names the QEMU that is missing, and measures all the rest', async () => {
    add('b', hello);
    const file = folder.at('r.json');
    const args = ['run', ...once, '--reference', 'qemu-system-aarch64', '--json', file];
    const { status, stdout } = await bench(args, { BEELINE_QEMU: '/nowhere/qemu' });
    assert.equal(status, 1);
    assert.match(stdout, /^\* b, QEMU: \*\*qemu-missing\*\*, there is no \/nowhere\/qemu that runs/m);
    assert.deepEqual(
      readResult(file).runs.map((run) => `${run.subject} ${run.status}`),
      ['QEMU failed', 'head done'],
    );
  });

  it('measures and judges although a newer Beeline wrote the history, which stays as it is', async () => {
    add('b', hello);
    History.open(history()).close();
    const database = new sqlite.Database(history());
    database.exec('PRAGMA user_version = 99');
    database.close();
    const before = readFileSync(history());
    const { status, stdout, stderr } = await bench(['run', ...once, '--against', projectRoot]);
    assert.equal(status, 1);
    assert.match(stderr, /history\.sqlite cannot be used: a newer Beeline wrote it, version 99/);
    assert.match(stdout, /^\| b +\| cpu .*\*\*inconclusive\*\*/m);
    assert.deepEqual(readFileSync(history()), before);
    assert.match((await bench(['history'])).stderr, /a newer Beeline wrote it/);
  });

  it('prints, and keeps in the history, what finds no room in a file', async () => {
    add('b', hello);
    const { status, stdout, stderr } = await bench(['run', ...once, '--json', '/dev/full']);
    assert.equal(status, 1);
    assert.match(stderr, /no space left while writing \/dev\/full/);
    assert.match(stdout, /^\| b +\| all /m);
    assert.match((await bench(['history'])).stdout, / measure {2}1 runs; head /);
  });

  it('says before it measures that a result was measured in another kind of time', async () => {
    add('b', hello);
    const file = folder.at('r.json');
    assert.equal((await bench(['run', ...once, '--json', file])).status, 0);
    const { status, stderr } = await bench(['run', ...once, '--icount', '--against', file]);
    assert.equal(status, 2);
    assert.match(stderr, /counted guest time/);
    assert.doesNotMatch(stderr, /pair 1/);
  });

  it('runs what the page about workloads shows, with nothing but that one file', async () => {
    const page = readFileSync(`${projectRoot}/docs/bench.md`, 'utf8');
    const example = /^```yaml\n(.*?)^```/ms.exec(page)?.[1] ?? '';
    assert.ok(example.trimEnd().split('\n').length < 20);
    add('mine', example);
    const file = folder.at('r.json');
    const { status, stderr } = await bench(['run', 'mine', ...once, '--json', file]);
    assert.equal(status, 0, stderr);
    const [run, ...more] = readResult(file).runs;
    assert.ok(run?.status === 'done' && more.length === 0);
    assert.deepEqual(
      run.phases.map(({ name, instructions = 0 }) => `${name} ${instructions > 1e6}`),
      ['kernel true', 'init true', 'workload true'],
    );
  });
});
