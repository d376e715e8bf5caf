import { strict as assert } from 'node:assert';
import { type BenchOptions, createBenchProgram } from '../../src/bench/options.js';
import { throwsCode } from '../support/throws.js';

const available = { tiers: ['interpreter', 'direct'], techniques: ['site-cache', 'return-stack'] };

function parse(...args: string[]): BenchOptions {
  let options: BenchOptions | undefined;
  createBenchProgram(available, (given) => {
    options = given;
  })
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parse(args, { from: 'user' });
  assert.ok(options !== undefined);
  return options;
}

describe('the options of the benchmarks', () => {
  it('measure everything five times without any', () => {
    const { groups, workloads, rounds, tiers, qemu, suite, boot } = parse();
    assert.deepEqual([groups, workloads, rounds, tiers], [[], [], 5, available.tiers]);
    assert.deepEqual([qemu, suite, boot], [true, true, false]);
  });

  it('take lists and names', () => {
    const options = parse('qsort', 'fft', '--group', 'int,sys', '--tiers', 'direct', '--cold', '--no-qemu');
    assert.deepEqual(options.workloads, ['qsort', 'fft']);
    assert.deepEqual(options.groups, ['int', 'sys', 'cold']);
    assert.deepEqual(options.tiers, ['direct']);
    assert.equal(options.qemu, false);
    assert.deepEqual(parse('--tiers', 'none').tiers, []);
  });

  it('measure less when in a hurry, unless told', () => {
    assert.equal(parse('--quick').rounds, 3);
    assert.equal(parse('--quick', '--rounds', '7').rounds, 7);
  });

  it('leave the workloads out for boots alone', () => {
    assert.equal(parse('--boot').suite, false);
    assert.equal(parse('--boot', '--cold').suite, true);
  });

  it('make a variant of each list of techniques', () => {
    assert.deepEqual(parse('--disable', 'site-cache', '--disable', 'all').disable, [
      ['site-cache'],
      ['site-cache', 'return-stack'],
    ]);
  });

  it('refuse what is unknown', () => {
    for (const args of [
      ['quick-sort'],
      ['--group', 'int,nonsense'],
      ['--tiers', 'region'],
      ['--disable', 'magic'],
      ['--rounds', '0'],
      ['--timeout', 'soon'],
    ]) {
      throwsCode('BEELINE_E_OPTION_VALUE', () => parse(...args));
    }
  });
});
