import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { PerfDumpLineSchema } from '../../src/cli/perf-dump.js';
import { beeline, cliPath } from '../support/cli.js';

describe('a performance dump', function () {
  this.timeout(60_000);
  let folder = '';
  let dump = '';
  let map = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'beeline-test-'));
    dump = join(folder, 'dump');
    const args = ['run', 'bare/mmu', '--translate-after', '0', '--perf-dump', dump, '--perf-map', '--timeout', '50'];
    const result = spawnSync(process.execPath, [cliPath, ...args], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    map = `/tmp/perf-${result.pid}.map`;
  });
  after(() => {
    rmSync(folder, { recursive: true });
    rmSync(map, { force: true });
  });

  /** The lines of an inspection that succeeds. */
  async function inspect(...args: string[]): Promise<string[]> {
    const result = await beeline(['inspect', ...args]);
    assert.equal(result.status, 0, result.stderr);
    assert.equal(result.stderr, '');
    return result.stdout.trimEnd().split('\n');
  }

  async function refuses(args: string[], message: RegExp): Promise<void> {
    const result = await beeline(['inspect', ...args]);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^beeline: .+; .+\n$/);
    assert.equal(result.status, 2);
    assert.equal(result.stdout, '');
  }

  it('is what its schema says', () => {
    const lines = readFileSync(dump, 'utf8').trimEnd().split('\n');
    assert.ok(lines.length > 100);
    for (const line of lines) assert.deepEqual([...Value.Errors(PerfDumpLineSchema, JSON.parse(line))], []);
  });

  it('lists every block by its address', async () => {
    const [head = '', ...rows] = await inspect('blocks', dump);
    assert.match(head, /^address +physical +EL +CPU +instructions +bytes +executions$/);
    const addresses = rows.map((row) => BigInt(`0x${row.split(' ')[0]}`));
    assert.equal(addresses.length, readFileSync(dump, 'utf8').trimEnd().split('\n').length - 2);
    assert.ok(addresses.every((address, index) => index === 0 || address >= (addresses[index - 1] ?? 0n)));
  });

  it('lists the blocks that cost most', async () => {
    const [head = '', ...rows] = await inspect('hot', dump, '--top', '3');
    assert.match(head, /^ *share +sum +address/);
    assert.equal(rows.length, 3);
    const shares = rows.map((row) => Number.parseFloat(row));
    assert.ok(shares[0] !== undefined && shares[0] > 0 && shares[0] >= (shares[2] ?? 100), rows.join('\n'));
  });

  it('says how many blocks it lacks', async () => {
    const other = join(folder, 'evicted');
    writeFileSync(other, readFileSync(dump, 'utf8').replace('"evicted":0', '"evicted":12345'));
    const result = await beeline(['inspect', 'hot', other]);
    assert.equal(result.status, 0);
    assert.match(
      result.stderr,
      /^beeline: 12,345 blocks had made room for others when the run ended; they are not here\n$/,
    );
  });

  it('shows guest and host code side by side, by virtual and by physical address', async () => {
    const hottest = (await inspect('hot', dump, '--top', '1'))[1]?.trim().split(/ +/) ?? [];
    const [address = '', physical = ''] = hottest.slice(4);
    const [heading = '', ...lines] = await inspect('block', address, dump);
    assert.match(heading, new RegExp(`^block ${address}: CPU 0, EL[01], physical ${physical}, host .* executed [1-9]`));
    const text = lines.join('\n');
    assert.match(text, new RegExp(`^${address} {2}\\w+.* {3}\\w+`, 'm'), 'a guest instruction and host code beside it');
    assert.match(text, /^out of line:$/m);
    assert.match(text, /jmp leave$/m);
    assert.ok((await inspect('block', `0x${physical}`, dump)).includes(heading));
  });

  it('comes with names for Linux perf', () => {
    const lines = readFileSync(map, 'utf8').trimEnd().split('\n');
    assert.ok(lines.every((line) => /^[0-9a-f]+ [0-9a-f]+ (beeline \w+|guest EL[01] 0x[0-9a-f]+)$/.test(line)));
    assert.ok(lines.some((line) => line.endsWith(' beeline slow_load')));
    assert.ok(lines.some((line) => line.includes(' guest EL1 ')));
  });

  it('is refused where it is none, broken, or does not hold the address', async () => {
    await refuses(['hot', '/nowhere'], /^beeline: FILE: \/nowhere does not exist; check the path/);
    await refuses(['hot', folder], /FILE: .* cannot be read \(it is a folder\)/);
    const other = join(folder, 'other');
    for (const [text, message] of [
      ['', /it is empty; write one with: beeline run --perf-dump FILE/],
      ['{"schema":"beeline.run-stats.1"}', /it is not a performance dump/],
      ['{"schema":"beeline.perf-dump.2"}', /it is of another version/],
      [readFileSync(dump, 'utf8').slice(0, -100), /line \d+ is not JSON/],
      [`${readFileSync(dump, 'utf8')}{"cpu":7}\n`, /line \d+ is neither symbols nor a block/],
    ] as const) {
      writeFileSync(other, text);
      const result = await beeline(['inspect', 'hot', other]);
      assert.match(result.stderr, message);
      assert.equal(result.status, 2);
    }
    await refuses(['block', 'main', dump], /^beeline: ADDR: main is not an address; give it in hexadecimal/);
    await refuses(['block', '1', dump], /^beeline: ADDR: no block of .* holds 1; beeline inspect blocks .* lists them/);
    await refuses(['hot', dump, '--top', '0'], /^beeline: --top: 0 is not a number of blocks; give 1 or more/);
  });
});
