import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../src/paths.js';

const tool = join(projectRoot, 'build/native/beeline_difftest');

/** The tail of what the tool said, for a failure's message. */
function run(args: readonly string[]): { status: number | null; output: string } {
  const result = spawnSync(tool, args, { encoding: 'utf8', timeout: 280_000, maxBuffer: 64 << 20 });
  return { status: result.status, output: `${result.error ?? ''}${result.stdout}${result.stderr}`.slice(-8000) };
}

describe('random instruction sequences against qemu-aarch64', function () {
  this.timeout(300_000);

  it('the oracle agrees with itself', () => {
    const { status, output } = run(['--self-test', '--cases', '8192']);
    assert.equal(status, 0, output);
  });

  it('a difference is found, made small and printed', () => {
    // An oracle without the instructions of Armv8.1 and 8.2: every one of them is a difference.
    const { status, output } = run([
      '--cpu',
      'n1',
      '--oracle-cpu',
      'cortex-a57',
      '--rows',
      'LDADD_x',
      '--cases',
      '512',
    ]);
    assert.equal(status, 1, output);
    assert.match(output, /replay with --seed 1 --case \d+/);
    assert.match(output, /\tx\d+, /);
    assert.match(output, /end +SIG\w+.* SIGILL/);
  });

  it('a case can be replayed', () => {
    const { status, output } = run(['--seed', '7', '--case', '1234']);
    assert.equal(status, 0, output);
    assert.match(output, /same on both sides.*--seed 7 --case 1234/);
  });

  it('the interpreter and the oracle agree', () => {
    const { status, output } = run(['--cases', '200000']);
    assert.equal(status, 0, output);
    assert.match(output, /, 0 mismatches\n$/);
    const [, exercised, judgeable] = /(\d+) of (\d+) judgeable instructions exercised/.exec(output) ?? [];
    assert.equal(exercised, judgeable, output);
  });

  it('encodings that a model lacks are undefined on both sides', () => {
    const { status, output } = run(['--probes', '--time', '10']);
    assert.equal(status, 0, output);
  });

  it('bad usage is told', () => {
    assert.equal(run(['--cases', 'many']).status, 2);
    assert.equal(run(['--rows', 'NO_SUCH_ROW']).status, 2);
    assert.equal(run(['--oracle', '/nonexistent']).status, 3);
  });
});
