import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

/** Seconds. */
const limit = 120;

function instructions(statsFile: string): number {
  const stats: { guest: { instructions: number } } = JSON.parse(readFileSync(statsFile, 'utf8'));
  assert.ok(stats.guest.instructions > 0);
  return stats.guest.instructions;
}

describe('counted guest time', function () {
  this.timeout((2 * limit + 60) * 1000);
  const folder = new TemporaryFolder();

  it('is the same to the instruction in two runs with a disk and a dialog on the console', async () => {
    const disk = folder.at('disk.raw');
    writeFileSync(disk, randomBytes(4 << 20));
    const runs = [];
    for (const stats of [folder.at('first.json'), folder.at('second.json')]) {
      const commands = 'md5sum /dev/vda; dd if=/dev/urandom of=/dev/vda bs=64k count=8 conv=fsync; date; poweroff -f';
      const result = await beeline(
        ['run', '--icount', '--drive', `${disk},snapshot`, '--send', `# $=${commands}\\n`, '--stats', stats, '--quiet'],
        { limit },
      );
      assert.equal(result.status, 0, result.stdout + result.stderr);
      assert.match(result.stdout, /Thu Jan {2}1 00:00:0\d UTC 2026/);
      runs.push({ output: result.stdout, instructions: instructions(stats) });
    }
    assert.deepEqual(runs[0], runs[1]);
  });

  for (const guest of ['exceptions', 'gic', 'mmu', 'timer'])
    it(`is the same to the instruction in both tiers: bare/${guest}`, async () => {
      const counts = [];
      for (const tier of ['interpreter', 'direct']) {
        const stats = folder.at(`${tier}.json`);
        const result = await beeline(['run', `bare/${guest}`, '--icount', '--tier', tier, '--stats', stats], { limit });
        assert.equal(result.status, 0, result.stdout + result.stderr);
        counts.push(instructions(stats));
      }
      assert.equal(counts[0], counts[1]);
    });

  for (const [options, message] of [
    [['--cpus', '2'], /one CPU/],
    [['--net', 'user'], /network/],
    [['--verify'], /--verify/],
    [['--icount-shift', '99'], /give 0 to 10/],
    [['--icount-shift', 'x'], /not a whole number/],
  ] as const)
    it(`refuses ${options.join(' ')}`, async () => {
      const result = await beeline(['run', 'bare/hello', '--icount', ...options], { limit });
      assert.equal(result.status, 2);
      assert.match(result.stderr, message);
    });
});
