import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { type RunStats, RunStatsSchema } from '../../src/cli/run-stats.js';
import { beeline, type CliResult } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const prompt = 'beeline:.*# $';

/** Seconds; a machine that is busy may need several times what an idle one does. */
const limit = 120;

/** matches() would print the whole of a boot. */
function matches(text: string, pattern: RegExp): void {
  assert.ok(pattern.test(text), `${pattern} is not in …${text.slice(-2000)}`);
}

async function run(...args: string[]): Promise<CliResult> {
  return await beeline(['run', ...args, '--timeout', String(limit)], { limit: limit + 20 });
}

describe('debian-busybox', function () {
  this.timeout((limit + 30) * 1000);
  const folder = new TemporaryFolder();

  it('boots to its prompt, runs a command, and powers off', async () => {
    const stats = folder.at('stats.json');
    const sends = ['uname -a\\n', 'echo $((6 * 7))-end\\n', 'poweroff -f\\n'].flatMap((text) => [
      '--send',
      `${prompt}=${text}`,
    ]);
    const result = await run('debian-busybox', ...sends, '--stats', stats);
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    matches(result.stdout, /^Linux \S+ \d+\.\d+.* aarch64 GNU\/Linux\r?$/m);
    matches(result.stdout, /^42-end\r?$/m);
    matches(result.stdout, /reboot: Power down/);
    matches(
      result.stderr,
      /^beeline: guest powered off after [\d.]+ s; first console output [\d.]+ s; [\d.]+ [MG] guest instructions, [\d.]+ M\/s$/m,
    );
    const value: unknown = JSON.parse(readFileSync(stats, 'utf8'));
    assert.deepEqual([...Value.Errors(RunStatsSchema, value)], []);
    const written = value as RunStats;
    assert.equal(written.outcome.reason, 'poweroff');
    assert.equal(written.machine.image, 'debian-busybox');
    assert.ok(written.guest.instructions > 1e8);
    assert.equal(written.guest.consoleBytes, Buffer.byteLength(result.stdout));
    const { interpreter, direct } = written.guest.instructionsByTier;
    assert.equal(interpreter + direct, written.guest.instructions);
    assert.ok(direct > interpreter);
    assert.ok(written.translation !== null && written.switches !== null);
    assert.ok(written.translation.instructions > written.translation.blocks);
    assert.ok(written.translation.instructionsPerSecond > 0);
    const { causes, total } = written.switches;
    assert.equal(
      Object.values(causes).reduce((sum, value) => sum + value, 0),
      total,
    );
    for (const cause of ['slowLoad', 'slowStore', 'miss', 'indirectMiss']) assert.ok((causes[cause] ?? 0) > 0, cause);
  });

  for (const tier of [
    ['--tier', 'interpreter'],
    ['--tier', 'direct', '--translate-after', '0'],
  ]) {
    it(`boots to its prompt with ${tier.join(' ')}`, async () => {
      const stats = folder.at('stats.json');
      const result = await run(...tier, '--until', prompt, '--stats', stats);
      assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
      const { guest, translation, switches } = JSON.parse(readFileSync(stats, 'utf8')) as RunStats;
      const { interpreter, direct } = guest.instructionsByTier;
      if (tier.includes('interpreter')) {
        assert.equal(direct, 0);
        assert.equal(translation, null);
        assert.equal(switches, null);
      } else {
        assert.ok(interpreter < direct / 1000, `${interpreter} interpreted, ${direct} translated`);
      }
    });
  }

  it('ends when --until matches, with the machine of --cpu a57 and --gic 2', async () => {
    const sends = ['cat /proc/cpuinfo /proc/interrupts\\n', 'free -m\\n'].flatMap((text) => [
      '--send',
      `${prompt}=${text}`,
    ]);
    const result = await run('--cpu', 'a57', '--gic', '2', '--memory', '512M', ...sends, '--until', prompt);
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    matches(result.stdout, /CPU part\s*: 0xd07/);
    matches(result.stdout, /GIC-0.*arch_timer/);
    matches(result.stdout, /^Mem: +4\d\d /m);
    matches(result.stderr, /^beeline: --until matched after .*--until [\d.]+ s;/m);
  });

  it('says so when the guest resets and must not', async () => {
    const result = await run('--no-reboot', '--send', `${prompt}=reboot -f\\n`);
    assert.equal(result.status, 3, result.stdout.slice(-2000) + result.stderr);
    matches(result.stderr, /^beeline: guest reset after/m);
  });

  it('starts again when the guest resets', async () => {
    const sends = ['reboot -f\\n', 'echo se""cond\\n'].flatMap((text) => ['--send', `${prompt}=${text}`]);
    const result = await run(...sends, '--until', '^second');
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    assert.equal(result.stdout.match(/Linux version/g)?.length, 2);
  });

  it('says so when the kernel panics', async () => {
    const result = await run('--append', 'console=ttyAMA0 rdinit=/nowhere root=/dev/nowhere');
    assert.equal(result.status, 5, result.stdout.slice(-2000) + result.stderr);
    matches(result.stdout, /---\[ end Kernel panic/);
    matches(result.stderr, /^beeline: guest kernel panicked after/m);
  });

  it('ends at --timeout', async () => {
    const result = await beeline(['run', '--timeout', '0.5', '--serial', 'none'], { limit: 30 });
    assert.equal(result.status, 4, result.stderr);
    assert.equal(result.stdout, '');
    matches(result.stderr, /^beeline: timeout after 0\.[5-9]/m);
  });

  it('writes the serial port to a file, and stays silent with --quiet', async () => {
    const log = folder.at('serial.log');
    const result = await run('--quiet', '--serial', `file:${log}`, '--until', 'Linux version');
    assert.equal(result.status, 0, result.stderr);
    assert.equal(result.stdout + result.stderr, '');
    matches(readFileSync(log, 'latin1'), /Linux version/);
  });

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`stops at ${signal}`, async () => {
      const result = await beeline(['run'], { limit, signalAfterOutput: { pattern: /Linux version/, signal } });
      assert.equal(result.status, status, result.stderr);
      matches(result.stderr, new RegExp(`^beeline: stopped by ${signal} after`, 'm'));
    });
  }
});
