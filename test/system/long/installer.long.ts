import { strict as assert } from 'node:assert';
import { truncateSync, writeFileSync } from 'node:fs';
import { beeline } from '../../support/cli.js';
import { TemporaryFolder } from '../../support/temporary.js';

/** Seconds; fetching the installer is a part of the test. */
const limit = 1200;

describe("Debian's installer", function () {
  this.timeout((limit + 60) * 1000);
  const folder = new TemporaryFolder();

  it('reaches its first dialog', async () => {
    const disk = folder.at('disk');
    writeFileSync(disk, '');
    truncateSync(disk, 2 ** 31);
    const machine = ['--drive', `${disk},format=raw`, '--net', 'user'];
    const args = [
      'run',
      'debian-12-installer',
      ...machine,
      '--until',
      'Select a language[^]*English',
      '--timeout',
      '600',
    ];
    const result = await beeline(args, { limit });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
  });
});
