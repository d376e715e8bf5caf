// One run of one workload on one subject: its phases, or why there is no result.
import { performance } from 'node:perf_hooks';
import { BeelineGuest } from '../bench/beeline-guest.js';
import { GuestError } from '../bench/console.js';
import type { GuestProcess } from '../bench/guest-process.js';
import type { Counters } from '../native/addon.js';
import type { Machine } from './machine.js';
import type { DoneRun, FailedRun, FailureKind, PhaseResult } from './result.js';
import type { Subject } from './subjects.js';
import { usageOf } from './usage.js';
import type { Phase } from './workload-schema.js';
import { isMeasured, landmark, patienceOf, type Workload } from './workloads.js';

export type Outcome =
  | Pick<DoneRun, 'status' | 'phases' | 'total'>
  | Pick<FailedRun, 'status' | 'kind' | 'phase' | 'detail'>;

interface Sample {
  readonly wallSeconds: number;
  readonly cpuSeconds: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  readonly counters: Counters | undefined;
}

class RunFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

function failureOf(error: GuestError): RunFailure {
  const kinds = {
    refused: 'not-started',
    ended: 'guest-ended',
    silent: 'landmark-missed',
    panicked: 'guest-panic',
    other: 'not-started',
  } as const;
  return new RunFailure(kinds[error.kind], error.message);
}

class Measuring {
  readonly #workload: Workload;
  readonly #guest: GuestProcess;
  readonly #signal: AbortSignal;
  /** Milliseconds. */
  readonly #patience: number;
  readonly #begun = performance.now();
  #cpuSeconds: number | undefined;

  constructor(workload: Workload, guest: GuestProcess, signal: AbortSignal, sharers: number) {
    this.#workload = workload;
    this.#guest = guest;
    this.#signal = signal;
    this.#patience = patienceOf(workload) * sharers;
  }

  /** Each taken at the landmark; the counters a moment later, when the guest has answered. */
  async sample(): Promise<Sample> {
    const wallSeconds = (performance.now() - this.#begun) / 1000;
    const usage = this.#guest.pid === undefined ? undefined : usageOf(this.#guest.pid);
    // A thread that has ended takes the fine part of its time along: what was seen before still holds.
    if (usage !== undefined) this.#cpuSeconds = Math.max(this.#cpuSeconds ?? 0, usage.cpuSeconds);
    const wantsCounters = isMeasured(this.#workload, 'instructions') || isMeasured(this.#workload, 'counters');
    const counters = this.#guest instanceof BeelineGuest && wantsCounters ? await this.#guest.counters() : undefined;
    return {
      wallSeconds,
      cpuSeconds: this.#cpuSeconds,
      peakMemoryBytes: usage?.peakMemoryBytes,
      counters: counters !== undefined && Object.keys(counters).length > 0 ? counters : undefined,
    };
  }

  /** Waits for the phase's landmark. */
  async phase({ send, until, expect }: Phase): Promise<void> {
    if (send !== undefined) this.#guest.send(send);
    const match = await this.#guest.console
      .waitFor(landmark(until), this.#patience, this.#signal)
      .catch((error: unknown) => {
        throw error instanceof GuestError ? failureOf(error) : error;
      });
    const text = match.input.slice(0, match.index + match[0].length);
    const lastLine =
      text
        .trimEnd()
        .split(/[\r\n]+/)
        .at(-1) ?? '';
    if (expect !== undefined && !landmark(expect).test(text)) {
      throw new RunFailure('wrong-output', `its output does not match /${expect}/, the last line: ${lastLine}`);
    }
    const forbidden = this.#workload.never?.map((source) => landmark(source).exec(text)?.[0]).find((found) => found);
    if (forbidden !== undefined) throw new RunFailure('wrong-output', `its output holds: ${forbidden}`);
  }

  /** Waits until the guest has powered itself off. */
  async poweroff(): Promise<void> {
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(this.#patience)]);
    let stop: () => void = () => undefined;
    const over = new Promise<'over'>((resolve) => {
      stop = () => resolve('over');
      limit.addEventListener('abort', stop);
    });
    try {
      const status = limit.aborted ? 'over' : await Promise.race([this.#guest.status(), over]);
      this.#signal.throwIfAborted();
      if (status === 'over') throw new RunFailure('landmark-missed', 'it has not powered off');
      if (status !== 0) throw new RunFailure('guest-ended', `it ended with status ${status} instead of powering off`);
    } finally {
      limit.removeEventListener('abort', stop);
    }
  }
}

function difference(after: Counters | undefined, before: Counters | undefined): Record<string, number> | undefined {
  if (after === undefined) return undefined;
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before?.[name] ?? 0)]));
}

/** Only what the workload measures and what is known. */
function amounts(
  workload: Workload,
  wall: number | undefined,
  cpu: number | undefined,
  counters: Counters | undefined,
) {
  const instructions = counters?.instructions;
  return {
    ...(isMeasured(workload, 'wall') && wall !== undefined && { wallSeconds: wall }),
    ...(isMeasured(workload, 'cpu') && cpu !== undefined && { cpuSeconds: cpu }),
    ...(isMeasured(workload, 'instructions') && instructions !== undefined && { instructions }),
    ...(isMeasured(workload, 'counters') && counters !== undefined && { counters: { ...counters } }),
  };
}

/** A core of the host, and how many guests run on it at the same time: wall time says nothing then. */
export interface SharedCore {
  readonly core: number;
  readonly sharers: number;
}

/** Rejects with the signal's reason when that comes; whatever the guest does is an outcome. */
export async function measure(
  workload: Workload,
  machine: Machine,
  subject: Subject,
  signal: AbortSignal,
  shared?: SharedCore,
): Promise<Outcome> {
  const guest = subject.start(machine, shared?.core);
  const wallSeconds = (after: Sample, before?: Sample) =>
    shared === undefined ? after.wallSeconds - (before?.wallSeconds ?? 0) : undefined;
  let current: string | null = null;
  try {
    const measuring = new Measuring(workload, guest, signal, shared?.sharers ?? 1);
    const phases: PhaseResult[] = [];
    let before: Sample | undefined;
    for (const phase of workload.phases) {
      current = phase.name;
      await measuring.phase(phase);
      const after = await measuring.sample();
      const cpu = after.cpuSeconds === undefined ? undefined : after.cpuSeconds - (before?.cpuSeconds ?? 0);
      const counters = difference(after.counters, before?.counters);
      phases.push({
        name: phase.name,
        ...amounts(workload, wallSeconds(after, before), cpu, counters),
      });
      before = after;
    }
    if (workload.ends === 'poweroff') await measuring.poweroff();
    const ended = workload.ends === 'poweroff' && guest instanceof BeelineGuest ? guest : undefined;
    const atEnd = ended === undefined ? before?.counters : ended.lastCounters;
    // A guest may have gone before anybody looked.
    const cpu = before?.cpuSeconds ?? ended?.lastUsage?.cpuSeconds;
    const peak = before?.peakMemoryBytes ?? ended?.lastUsage?.peakMemoryBytes;
    return {
      status: 'done',
      phases,
      total: {
        ...amounts(workload, before === undefined ? undefined : wallSeconds(before), cpu, atEnd),
        ...(isMeasured(workload, 'memory') && peak !== undefined && { peakMemoryBytes: peak }),
      },
    };
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    const phase = error.kind === 'not-started' ? null : current;
    return { status: 'failed', kind: error.kind, phase, detail: error.message };
  } finally {
    await guest.kill();
  }
}
