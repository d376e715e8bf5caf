import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../src/paths.js';

/** What idioms of guest code become; `npm run golden` writes the texts anew. */
describe('host code of guest idioms', function () {
  this.timeout(60_000);
  const sources = readdirSync(join(projectRoot, 'test/golden')).filter((name) => name.endsWith('.s'));

  for (const family of sources.map((name) => name.replace(/\.s$/, ''))) {
    it(family, () => {
      const script = join(projectRoot, 'scripts/golden.mjs');
      const result = spawnSync(process.execPath, [script, family], { encoding: 'utf8' });
      assert.equal(result.status, 0, result.stdout + result.stderr);
    });
  }
});
