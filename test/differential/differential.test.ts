import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';

/** Seconds; `npm run test:differential` runs the whole. */
const seconds = 30;
const program = join(projectRoot, 'build/native/beeline_difftest');

describe('the interpreter and qemu-aarch64', function () {
  this.timeout((seconds + 120) * 1000);

  it('agree on random instruction sequences', () => {
    // A new sample every time; the report names the seed, and --seed repeats it.
    const seed = String(randomInt(2 ** 47));
    const result = spawnSync(program, ['--seed', seed, '--time', String(seconds)], {
      encoding: 'utf8',
      timeout: (seconds + 100) * 1000,
    });
    assert.equal(result.status, 0, `seed ${seed}: ${result.error ?? ''}${result.stdout}${result.stderr}`);
    assert.ok(result.stdout.includes(seed), result.stdout);
    process.stdout.write(result.stdout.replace(/^/gm, '      '));
  });
});
