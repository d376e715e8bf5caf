import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../src/paths.js';

const sources = join(projectRoot, 'test/native');
const binaries = join(projectRoot, 'build/native');

/** Every test/native/NAME.cpp is built to test_NAME, which ends with 0 when all is well. */
describe('the native core', function () {
  this.timeout(300_000);
  for (const file of readdirSync(sources).filter((name) => name.endsWith('.cpp'))) {
    const name = file.replace(/\.cpp$/, '');
    it(name, () => {
      const result = spawnSync(join(binaries, `test_${name}`), { encoding: 'utf8', timeout: 280_000 });
      assert.equal(
        result.status,
        0,
        `${result.error ?? ''}${result.stdout?.slice(-4000)}${result.stderr?.slice(-4000)}`,
      );
    });
  }
});
