// npm run bench: measures, and prints a Markdown page.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, ExitStatus, messageOf } from '../errors.js';
import { ToolError } from '../process.js';
import { onEndingSignal, signalStatus } from '../signals.js';
import { startBeeline } from './beeline-guest.js';
import { measureBoots, startCommandLine } from './boot.js';
import { describeEnvironment } from './environment.js';
import { type GuestFiles, plainGuest, withProgram } from './guest-files.js';
import { buildKern } from './kern.js';
import { type BenchOptions, createBenchProgram } from './options.js';
import { findQemu, type Qemu, startQemu, usualMachine, usualQemu } from './qemu.js';
import { report } from './report.js';
import type { Boot, Failure, Measurement, Results, SubjectDescription } from './results.js';
import { carryOut } from './schedule.js';
import { Series, verdict } from './series.js';
import { GuestSubject, NativeSubject, type Patience, type Subject } from './subject.js';
import { groupOf, selectWorkloads } from './suite.js';
import { availableTiers, knownTechniques } from './tiers.js';
import { baseline } from './time-table.js';

/** Milliseconds. */
const bootPatience = 180_000;

interface Emulator {
  readonly description: SubjectDescription;
  readonly tier: string;
}

/** Beeline's tiers, and the variants of the direct one. */
function emulators({ tiers, disable }: BenchOptions): Emulator[] {
  return [
    ...tiers.map((tier): Emulator => ({ tier, description: { name: tier, kind: 'beeline', disabled: [] } })),
    ...disable.map((disabled): Emulator => {
      const name = `${baseline} without ${disabled.join(', ')}`;
      return { tier: baseline, description: { name, kind: 'variant', disabled: [...disabled] } };
    }),
  ];
}

class Bench {
  readonly #options: BenchOptions;
  readonly #qemu: Qemu | undefined;
  readonly #signal: AbortSignal;
  readonly #measurements: Measurement[] = [];
  readonly #failures: Failure[] = [];
  readonly #boots: Boot[] = [];

  constructor(options: BenchOptions, qemu: Qemu | undefined, signal: AbortSignal) {
    this.#options = options;
    this.#qemu = qemu;
    this.#signal = signal;
  }

  #say(subject: string, what: string, round: number, outcome: string): void {
    process.stderr.write(`round ${round + 1}, ${what}, ${subject}: ${outcome}\n`);
  }

  #onFailure(failure: Failure): void {
    this.#failures.push(failure);
    this.#say(failure.subject, failure.workload || 'boot', failure.round, `FAILED, ${failure.reason}`);
  }

  /** The interpreter is slow: beside faster tiers one round has to do. */
  #roundsOf({ name, kind }: SubjectDescription): number {
    const isReference = name === 'interpreter' && kind === 'beeline' && this.#options.tiers.length > 1;
    return isReference ? 1 : this.#options.rounds;
  }

  async boots(files: GuestFiles): Promise<void> {
    const { rounds, cpuModel } = this.#options;
    const qemu = this.#qemu;
    const subjects = [
      ...(qemu === undefined ? [] : [{ name: 'QEMU', rounds, start: () => startQemu(qemu, files, usualMachine(1)) }]),
      ...emulators(this.#options).map(({ description, tier }) => ({
        name: description.name,
        rounds: this.#roundsOf(description),
        start: () => startCommandLine({ tier, disable: description.disabled, cpuModel }, files),
      })),
    ];
    const onBoot = (boot: Boot) => {
      this.#boots.push(boot);
      this.#say(boot.subject, 'boot', boot.round, `${boot.wallSeconds.toFixed(3)} s`);
    };
    const onFailure = (failure: Failure) => this.#onFailure(failure);
    await measureBoots(subjects, bootPatience, { onBoot, onFailure }, this.#signal);
  }

  #subjects(program: string, files: GuestFiles): Subject[] {
    const { timeout, cpuModel } = this.#options;
    const patience: Patience = { boot: bootPatience, workload: timeout * 1000 };
    const subjects: Subject[] = [new NativeSubject(program, patience)];
    const qemu = this.#qemu;
    if (qemu !== undefined) {
      const description = { name: 'QEMU', kind: 'qemu', disabled: [] } as const;
      subjects.push(
        new GuestSubject(
          { ...description, disabled: [] },
          (cpus) => startQemu(qemu, files, usualMachine(cpus)),
          patience,
        ),
      );
    }
    for (const { description, tier } of emulators(this.#options)) {
      const variant = { tier, disable: description.disabled, cpuModel };
      subjects.push(new GuestSubject(description, (cpus) => startBeeline(variant, files, cpus), patience));
    }
    return subjects;
  }

  async suite(plain: GuestFiles, folder: string): Promise<void> {
    const programs = await buildKern(this.#signal);
    const files = withProgram(plain, programs.guest, folder);
    const workloads = selectWorkloads(this.#options).map((name) => ({
      name,
      cpus: this.#options.cpus ?? groupOf(name).cpus,
    }));
    const subjects = this.#subjects(programs.host, files);
    const { rounds } = this.#options;
    const roundsOf = ({ description }: Subject) => this.#roundsOf(description);
    const observer = {
      onMeasurement: (measurement: Measurement) => {
        this.#measurements.push(measurement);
        const { subject, workload, round, seconds, wallSeconds } = measurement;
        this.#say(subject, workload, round, `${seconds.toFixed(3)} s, host's clock ${wallSeconds.toFixed(3)} s`);
      },
      onFailure: (failure: Failure) => this.#onFailure(failure),
    };
    try {
      await carryOut({ subjects, workloads, rounds, roundsOf }, observer, this.#signal);
    } finally {
      await Promise.all(subjects.map((subject) => subject.close()));
    }
  }

  results(environment: Results['environment']): Results {
    const hasMeasured = (name: string) => this.#measurements.some(({ subject }) => subject === name);
    const subjects: SubjectDescription[] = [
      { name: 'native', kind: 'native', disabled: [] },
      { name: 'QEMU', kind: 'qemu', disabled: [] },
      ...emulators(this.#options).map(({ description }) => description),
    ];
    return {
      schema: 'beeline.bench-results.1',
      environment,
      rounds: this.#options.rounds,
      interrupted: this.#signal.aborted,
      subjects: subjects.filter(({ name }) => hasMeasured(name)),
      measurements: this.#measurements,
      failures: this.#failures,
      boots: this.#boots,
    };
  }
}

/** Whether every checksum is right and nothing failed. */
function isSound(results: Results): boolean {
  const series = new Series(results);
  const subjects = results.subjects.map(({ name }) => name);
  return (
    results.failures.length === 0 &&
    series.workloads.every((workload) => verdict(series, workload, subjects).kind === 'equal')
  );
}

async function measure(options: BenchOptions): Promise<number> {
  const controller = new AbortController();
  let status: number = ExitStatus.interrupted;
  const forgetSignals = onEndingSignal((signal) => {
    status = signalStatus(signal);
    controller.abort(new BeelineError('BEELINE_E_INTERRUPTED', { signal, status }));
  });
  const folder = mkdtempSync(join(tmpdir(), 'beeline-bench-'));
  try {
    const qemu = options.qemu ? await findQemu(process.env.BEELINE_QEMU || usualQemu) : undefined;
    if (options.qemu && qemu === undefined) process.stderr.write('bench: there is no qemu-system-aarch64 here\n');
    const environment = describeEnvironment(qemu);
    const files = await plainGuest();
    const bench = new Bench(options, qemu, controller.signal);
    try {
      if (options.boot) await bench.boots(files);
      if (options.suite) await bench.suite(files, folder);
    } catch (error) {
      if (!controller.signal.aborted) throw error;
    }
    const results = bench.results(environment);
    process.stdout.write(report(results));
    if (options.json !== undefined) writeFileAtomically(options.json, `${JSON.stringify(results, null, 2)}\n`);
    if (controller.signal.aborted) return status;
    return isSound(results) ? ExitStatus.ok : ExitStatus.failure;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    forgetSignals();
  }
}

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined;
  const available = { tiers: availableTiers(), techniques: knownTechniques() };
  const program = createBenchProgram(available, (given) => {
    options = given;
  });
  try {
    program.exitOverride().parse(args, { from: 'user' });
    return options === undefined ? ExitStatus.usage : await measure(options);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.ok : ExitStatus.usage;
    const isTold = error instanceof BeelineError || error instanceof ToolError;
    process.stderr.write(`bench: ${isTold || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
    return error instanceof BeelineError ? error.status : ExitStatus.failure;
  }
}

process.exitCode = await main(process.argv.slice(2));
