import { strict as assert } from 'node:assert';
import { findImage } from '../../src/images/catalogue.js';
import { beeline } from '../support/cli.js';

/** Seconds. */
const limit = 60;

describe('bare-metal guests', function () {
  this.timeout((limit + 30) * 1000);

  for (const guest of findImage('bare').definition.guests ?? []) {
    for (const options of [
      ['--tier', 'interpreter'],
      ['--tier', 'interpreter', '--cpu', 'a57', '--gic', '2'],
      ['--tier', 'direct', '--translate-after', '0'],
      ['--tier', 'direct', '--cpu', 'a57', '--gic', '2'],
    ]) {
      it(`${guest.name} ${options.join(' ')}`, async () => {
        const args = ['run', `bare/${guest.name}`, ...options, '--timeout', String(limit)];
        const result = await beeline(args, { limit: limit + 20 });
        const output = result.stdout + result.stderr;
        assert.match(result.stdout, /^PASS/m, output);
        assert.doesNotMatch(result.stdout, /FAIL/, output);
        assert.equal(result.status, 0, output);
      });
    }
  }
});
