import { strict as assert } from 'node:assert';
import type { RunStats } from '../../src/cli/run-stats.js';
import { statsTable } from '../../src/cli/stats-table.js';

const stats: RunStats = {
  schema: 'beeline.run-stats.1',
  version: '0.1.0',
  host: { name: 'host', cpu: 'CPU', cores: 2 },
  machine: {
    image: null,
    kernel: 'Image',
    initrd: null,
    dtb: null,
    append: '',
    firmware: null,
    memoryBytes: 1 << 30,
    cpus: 1,
    cpu: 'n1',
    gic: 3,
    tier: 'direct',
    icount: null,
    disabled: [],
  },
  outcome: { reason: 'poweroff', detail: '', status: 0 },
  time: {
    startedAt: '2024-01-01T00:00:00.000Z',
    totalSeconds: 2,
    firstOutputSeconds: 0.5,
    untilSeconds: null,
    createSeconds: 0.25,
  },
  guest: {
    instructions: 4_000_000,
    instructionsByTier: { interpreter: 1_000_000, direct: 3_000_000 },
    instructionsPerSecond: 2_000_000,
    consoleBytes: 10,
  },
  translation: {
    blocks: 100,
    instructions: 1000,
    hostBytes: 20_500,
    seconds: 0.001,
    instructionsPerSecond: 1_000_000,
    entries: 7,
    links: 90,
    invalidated: 1,
    evicted: 0,
    siteMisses: 42,
  },
  switches: { total: 303, perMillionInstructions: 101, causes: { slowLoad: 3, system: 300, vector: 0 } },
  counters: { total: { tlbMisses: 5 }, cpus: [{ tlbMisses: 5 }], board: { gicSgis: 1 } },
};

describe('the table of statistics', () => {
  it('aligns all sections, sorts causes, and leaves out what is not known or never happened', () => {
    assert.equal(
      statsTable(stats),
      `Time
  total                            2.000 s
  making the machine               0.250 s
  first console output             0.500 s
  guest instructions a second  2,000,000

Guest instructions
  all                          4,000,000
  interpreter                  1,000,000   25.0 %
  direct                       3,000,000   75.0 %

Translation
  blocks                             100
  guest instructions               1,000
  host bytes                      20,500   20.5 an instruction
  time                             0.001 s
  guest instructions a second  1,000,000
  links                               90
  blocks invalidated                   1
  blocks evicted                       0
  entries from the run loop            7
  site cache misses                   42

Switches out of translated code
  all                                303  101.0 a million instructions
  system instruction                 300  100.0 a million instructions
  slow load                            3    1.0 a million instructions

CPUs
  TLB misses                           5

Board
  GIC SGIs                             1
`,
    );
  });

  it('has no sections on translated code where there was none', () => {
    const table = statsTable({ ...stats, translation: null, switches: null });
    assert.doesNotMatch(table, /Translation|Switches/);
  });
});
