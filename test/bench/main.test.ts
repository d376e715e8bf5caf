import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { type Results, ResultsSchema } from '../../src/bench/results.js';
import { projectRoot } from '../../src/paths.js';
import { TemporaryFolder } from '../support/temporary.js';

const program = join(projectRoot, 'dist/src/bench/main.js');

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(args: readonly string[], interruptAt?: RegExp): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
      if (interruptAt?.test(stderr)) child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const common = ['--tiers', 'interpreter', '--no-qemu', '--rounds', '1'];

describe('npm run bench', function () {
  this.timeout(120_000);
  const folder = new TemporaryFolder();

  it('measures in a guest, and goes on after a workload that takes too long', async () => {
    const json = folder.at('results.json');
    const limit = ['--timeout', '1'];
    const { status, stdout, stderr } = await bench([
      ...common,
      ...limit,
      '--json',
      json,
      'chase-32M',
      'syscall-getppid',
    ]);
    const written: unknown = JSON.parse(readFileSync(json, 'utf8'));
    assert.ok(Value.Check(ResultsSchema, written));
    const { measurements, failures }: Results = written;
    assert.deepEqual(
      failures.filter(({ subject }) => subject === 'interpreter').map(({ workload }) => workload),
      ['chase-32M'],
      stderr,
    );
    const taken = measurements.filter(({ workload }) => workload === 'syscall-getppid');
    assert.deepEqual(
      taken.map(({ subject }) => subject),
      ['native', 'interpreter'],
    );
    assert.equal(taken[0]?.checksum, taken[1]?.checksum);
    assert.ok((taken[1]?.counters?.instructions ?? 0) > 1e6);
    assert.match(stdout, /^\| syscall-getppid .*\| equal/m);
    assert.equal(status, 1);
  });

  it('reports what it has when interrupted', async () => {
    const { status, stdout } = await bench([...common, 'syscall-getppid', 'qsort'], /syscall-getppid, interpreter/);
    assert.equal(status, 130);
    assert.match(stdout, /Interrupted/);
    assert.match(stdout, /^\| syscall-getppid .*\| equal/m);
  });
});
