// A workload whose guest firmware starts, with the phases of a whole system.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { RunResult } from '../../../src/regression/result.js';
import { beeline } from '../../support/cli.js';
import { TemporaryFolder } from '../../support/temporary.js';
import { addWorkload, benchEnvironment } from '../../support/workloads.js';

describe('workloads that firmware starts', function () {
  this.timeout(1_800_000);
  const folder = new TemporaryFolder();

  it('have a phase for it', async () => {
    const json = folder.at('result.json');
    const env = { BEELINE_BENCH_HISTORY: folder.at('history.sqlite') };
    const args = ['bench', 'run', 'debian-uefi', '--runs', '1', '--warm-up', '0', '--json', json];
    const { status, stderr } = await beeline(args, { env, limit: 1800 });
    assert.equal(status, 0, stderr);
    const { runs } = JSON.parse(readFileSync(json, 'utf8')) as RunResult;
    const phases = runs.flatMap((run) => (run.status === 'done' ? run.phases : []));
    assert.deepEqual(
      phases.map(({ name }) => name),
      ['firmware', 'kernel', 'init', 'login', 'workload'],
    );
    assert.ok(phases.every(({ cpuSeconds = 0, instructions = 0 }) => cpuSeconds > 0 && instructions > 0));
  });

  it('cannot have what only a kernel of our own takes', async () => {
    addWorkload(
      folder,
      'append',
      "title: A\nimage: debian-12-uefi\nappend: quiet\nphases: [{ name: all, until: 'x' }]\n",
    );
    const { status, stdout } = await beeline(['bench', 'run', '--runs', '1'], { env: benchEnvironment(folder) });
    assert.equal(status, 1);
    assert.match(stdout, /append needs a kernel that Beeline starts/);
  });
});
