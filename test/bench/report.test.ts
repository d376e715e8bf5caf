import { strict as assert } from 'node:assert';
import { Value } from '@sinclair/typebox/value';
import { report } from '../../src/bench/report.js';
import { type Measurement, type Results, ResultsSchema } from '../../src/bench/results.js';

/** One measurement a round. */
function measured(workload: string, subject: string, seconds: number[], more: Partial<Measurement> = {}) {
  return seconds.map((value, round) => ({
    workload,
    subject,
    round,
    seconds: value,
    wallSeconds: value + 1,
    checksum: '00000000000000aa',
    ...more,
  }));
}

function results(more: Partial<Results>): Results {
  return {
    schema: 'beeline.bench-results.1',
    environment: {
      date: '2026-01-02T03:04:05.000Z',
      host: 'machine',
      cpu: 'a CPU',
      cores: 2,
      kernel: '6.1',
      node: 'v20',
      beeline: '1.0',
      qemu: { command: 'q', version: 'QEMU 10', arguments: '-M virt' },
    },
    rounds: 2,
    interrupted: false,
    subjects: [
      { name: 'native', kind: 'native', disabled: [] },
      { name: 'QEMU', kind: 'qemu', disabled: [] },
      { name: 'direct', kind: 'beeline', disabled: [] },
    ],
    measurements: [],
    failures: [],
    boots: [],
    ...more,
  };
}

/** The cells of the first row that begins with this word. */
function row(page: string, word: string): string[] {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`| ${word} `)) ?? '';
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

const sample = results({
  measurements: [
    ...measured('qsort', 'native', [1, 1]),
    ...measured('qsort', 'QEMU', [8, 8]),
    ...measured('qsort', 'direct', [2, 4], { counters: { instructions: 30e6, switches: 60 } }),
    ...measured('interp', 'native', [1]),
    ...measured('interp', 'QEMU', [12]),
    ...measured('interp', 'direct', [1], { checksum: '00000000000000bb' }),
  ],
});

describe('the report of the benchmarks', () => {
  it('names machine, versions and date', () => {
    const page = report(sample);
    for (const word of ['Beeline 1.0', 'QEMU 10', 'Host machine: a CPU, 2 cores', '2026-01-02']) {
      assert.ok(page.includes(word), word);
    }
  });

  it('compares in pairs', () => {
    assert.deepEqual(row(report(sample), 'qsort'), [
      ...['qsort', '1.00 [1.00..1.00]', '8.00 [8.00..8.00]', '3.00 [2.00..4.00]'],
      ...['3.00', '8.00', '3.00', 'equal'],
    ]);
  });

  it('gives means and the worst of each group', () => {
    const page = report(sample);
    assert.deepEqual(row(page, '**integer: geometric mean**').slice(4), ['**1.73**', '**9.80**', '**6.00**', '']);
    assert.deepEqual(row(page, '**integer: worst**').slice(4), ['**3.00**', '**12.0**', '**3.00**', '']);
  });

  it('shows whose checksum differs', () => {
    assert.equal(row(report(sample), 'interp').at(-1), 'DIFFERS: direct');
  });

  it('does not compare code that runs once with this host', () => {
    const measurements = [
      ...measured('cold-straight', 'native', [1]),
      ...measured('cold-straight', 'QEMU', [9]),
      ...measured('cold-straight', 'direct', [3]),
    ];
    assert.deepEqual(row(report(results({ measurements })), 'cold-straight').slice(1), [
      ...['', '9.00', '3.00', '', '', '3.00', 'equal'],
    ]);
  });

  it('tells how fast instructions are executed', () => {
    // 60 million in 3 and 5 seconds.
    const part = report(sample).split('## Guest instructions')[1] ?? '';
    assert.deepEqual(row(part, 'qsort'), ['qsort', '30.0', '7.50']);
  });

  it('gives switched off techniques columns of their own', () => {
    const name = 'direct without site-cache';
    const subjects = [...sample.subjects, { name, kind: 'variant' as const, disabled: ['site-cache'] }];
    const page = report({
      ...sample,
      subjects,
      measurements: [...sample.measurements, ...measured('qsort', name, [3, 6])],
    });
    assert.deepEqual(row(page, 'qsort').slice(4), ['4.50 [3.00..6.00]', '3.00', '8.00', '3.00', '1.50', 'equal']);
  });

  it('compares boots with those of QEMU', () => {
    const boots = [
      { subject: 'QEMU', round: 0, wallSeconds: 4 },
      { subject: 'direct', round: 0, wallSeconds: 2 },
    ];
    const page = report(results({ boots }));
    assert.deepEqual(row(page, 'direct'), ['direct', '2.00', '2.00', '2.00', '0.500']);
    assert.ok(!page.includes("guest's clock"));
  });

  it('lists what failed, and says when it was interrupted', () => {
    const failures = [{ workload: 'fft', subject: 'direct', round: 1, reason: 'no answer' }];
    const page = report(results({ failures, interrupted: true }));
    assert.match(page, /^\* direct, fft, round 2: no answer$/m);
    assert.match(page, /Interrupted/);
  });

  it('has data of the published schema', () => {
    assert.ok(Value.Check(ResultsSchema, sample));
  });
});
