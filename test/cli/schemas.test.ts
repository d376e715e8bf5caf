import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';
import { schemas } from '../../src/schemas.js';

describe('the published schemas', () => {
  for (const [file, schema] of Object.entries(schemas)) {
    it(`${file} is what the sources say`, () => {
      const published: unknown = JSON.parse(readFileSync(join(projectRoot, 'schemas', file), 'utf8'));
      assert.deepEqual(published, JSON.parse(JSON.stringify(schema)), 'run: npm run schemas');
    });
  }
});
