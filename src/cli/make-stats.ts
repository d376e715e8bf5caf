// Gathers what a run was and what the core counted into what --stats writes.
import { describeHost } from '../host.js';
import type { Counters, NativeMachineConfig, NativeStats } from '../native/addon.js';
import { version } from '../version.js';
import type { SessionResult } from '../vm/session.js';
import type { RunOptions } from './run.js';
import type { RunStats } from './run-stats.js';

/** Counter by counter, over all CPUs. */
export function sumCounters(cpus: readonly Counters[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const cpu of cpus) {
    for (const [name, value] of Object.entries(cpu)) total[name] = (total[name] ?? 0) + value;
  }
  return total;
}

function rate(amount: number, seconds: number): number {
  return seconds > 0 ? amount / seconds : 0;
}

function translationOf(stats: NativeStats | undefined): RunStats['translation'] {
  if (stats === undefined || stats.direct.length === 0) return null;
  const total = sumCounters(stats.direct);
  const of = (name: string) => total[name] ?? 0;
  const seconds = of('nanoseconds') / 1e9;
  return {
    blocks: of('blocks'),
    instructions: of('instructions'),
    hostBytes: of('bytes'),
    seconds,
    instructionsPerSecond: rate(of('instructions'), seconds),
    entries: of('entries'),
    links: of('links'),
    invalidated: of('invalidated'),
    evicted: of('evicted'),
    siteMisses: of('siteMisses'),
  };
}

function switchesOf(stats: NativeStats | undefined): RunStats['switches'] {
  if (stats === undefined || stats.switches.length === 0) return null;
  const causes = sumCounters(stats.switches);
  const total = Object.values(causes).reduce((sum, value) => sum + value, 0);
  return { total, perMillionInstructions: rate(total * 1e6, sumCounters(stats.direct).executed ?? 0), causes };
}

export function makeStats(
  options: RunOptions,
  image: string | null,
  config: NativeMachineConfig,
  startedAt: Date,
  result: SessionResult,
): RunStats {
  const host = describeHost();
  const { stats } = result;
  const total = sumCounters(stats?.cpus ?? []);
  const instructions = total.instructions ?? 0;
  const direct = sumCounters(stats?.direct ?? []).executed ?? 0;
  return {
    schema: 'beeline.run-stats.1',
    version: version(),
    host: { name: host.name, cpu: host.cpu, cores: host.cores },
    machine: {
      image,
      kernel: config.kernel,
      initrd: config.initrd === '' ? null : config.initrd,
      dtb: config.dtb === '' ? null : config.dtb,
      append: config.append,
      firmware: config.firmware === '' ? null : config.firmware,
      memoryBytes: config.memoryBytes,
      cpus: config.cpus,
      cpu: config.cpuModel,
      gic: config.gicVersion,
      tier: options.tier,
      icount: options.icount ?? null,
      disabled: [...options.disable],
    },
    outcome: result.outcome,
    time: {
      startedAt: startedAt.toISOString(),
      totalSeconds: result.totalSeconds,
      firstOutputSeconds: result.firstOutputSeconds ?? null,
      untilSeconds: result.untilSeconds ?? null,
      createSeconds: stats?.createSeconds ?? null,
    },
    guest: {
      instructions,
      instructionsByTier: { interpreter: Math.max(0, instructions - direct), direct },
      instructionsPerSecond: rate(instructions, result.totalSeconds),
      consoleBytes: result.consoleBytes,
    },
    translation: translationOf(stats),
    switches: switchesOf(stats),
    counters: {
      total,
      cpus: stats?.cpus.map((counters) => ({ ...counters })) ?? [],
      board: { ...stats?.board },
    },
  };
}
