// Who runs workloads: this host, and guests that stay alive from one workload to the next.
import { performance } from 'node:perf_hooks';
import type { Counters } from '../native/addon.js';
import { runTool } from '../process.js';
import { BeelineGuest } from './beeline-guest.js';
import { GuestError } from './console.js';
import { prompt } from './guest-files.js';
import type { GuestProcess } from './guest-process.js';
import { kernCommand, kernLinePattern, parseKernLine } from './kern.js';
import type { Measurement, SubjectDescription } from './results.js';

export type Taken = Pick<Measurement, 'seconds' | 'wallSeconds' | 'checksum' | 'counters'>;

export interface Subject {
  readonly description: SubjectDescription;
  /** Gets ready for workloads that need that many CPUs. Throws GuestError. */
  prepare(cpus: number, signal: AbortSignal): Promise<void>;
  /** Throws GuestError when there is no result. */
  run(workload: string, cpus: number, signal: AbortSignal): Promise<Taken>;
  close(): Promise<void>;
}

/** Milliseconds. */
export interface Patience {
  readonly boot: number;
  readonly workload: number;
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1000;
}

export class NativeSubject implements Subject {
  readonly description: SubjectDescription = { name: 'native', kind: 'native', disabled: [] };
  readonly #program: string;
  readonly #patience: Patience;

  constructor(program: string, patience: Patience) {
    this.#program = program;
    this.#patience = patience;
  }

  async prepare(): Promise<void> {}

  async run(workload: string, _cpus: number, signal: AbortSignal): Promise<Taken> {
    const begun = performance.now();
    const limit = AbortSignal.timeout(this.#patience.workload);
    const text = await runTool(this.#program, [workload], { signal: AbortSignal.any([signal, limit]) }).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        throw new GuestError(String(error));
      },
    );
    const wallSeconds = secondsSince(begun);
    const match = kernLinePattern(workload).exec(text);
    const line = match === null ? undefined : parseKernLine(match);
    if (line?.kind !== 'result') throw new GuestError(`it printed no result but: ${text.slice(-200)}`);
    return { ...line.result, wallSeconds };
  }

  async close(): Promise<void> {}
}

function difference(after: Counters, before: Counters): Counters {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));
}

/** Guests are kept by their number of CPUs. One that hangs or dies is replaced by a new one when next needed. */
export class GuestSubject implements Subject {
  readonly description: SubjectDescription;
  readonly #start: (cpus: number) => GuestProcess;
  readonly #patience: Patience;
  readonly #guests = new Map<number, GuestProcess>();

  constructor(description: SubjectDescription, start: (cpus: number) => GuestProcess, patience: Patience) {
    this.description = description;
    this.#start = start;
    this.#patience = patience;
  }

  async prepare(cpus: number, signal: AbortSignal): Promise<void> {
    await this.#guest(cpus, signal);
  }

  async #guest(cpus: number, signal: AbortSignal): Promise<GuestProcess> {
    const kept = this.#guests.get(cpus);
    if (kept !== undefined) return kept;
    const guest = this.#start(cpus);
    this.#guests.set(cpus, guest);
    try {
      await guest.console.waitFor(prompt, this.#patience.boot, signal);
    } catch (error) {
      await this.#drop(cpus);
      throw error instanceof GuestError ? new GuestError(`it did not boot: ${error.message}`) : error;
    }
    return guest;
  }

  async run(workload: string, cpus: number, signal: AbortSignal): Promise<Taken> {
    const guest = await this.#guest(cpus, signal);
    try {
      const before = await this.#counters(guest);
      const taken = await this.#type(guest, workload, signal);
      const after = await this.#counters(guest);
      return after === undefined ? taken : { ...taken, counters: difference(after, before ?? {}) };
    } catch (error) {
      // Whatever state it is in, nothing more can be measured there.
      await this.#drop(cpus);
      throw error;
    }
  }

  async #type(guest: GuestProcess, workload: string, signal: AbortSignal): Promise<Taken> {
    let begun = performance.now();
    let taken: Taken | undefined;
    guest.send(kernCommand(workload));
    for (;;) {
      const match = await guest.console.waitFor(kernLinePattern(workload), this.#patience.workload, signal);
      const line = parseKernLine(match);
      if (line.kind === 'begins') begun = performance.now();
      else if (line.kind === 'result') taken = { ...line.result, wallSeconds: secondsSince(begun) };
      else if (taken === undefined) throw new GuestError(`it ended with status ${line.status} and no result`);
      else break;
    }
    await guest.console.waitFor(prompt, this.#patience.workload, signal);
    return taken;
  }

  async #counters(guest: GuestProcess): Promise<Counters | undefined> {
    return guest instanceof BeelineGuest ? guest.counters() : undefined;
  }

  async #drop(cpus: number): Promise<void> {
    const guest = this.#guests.get(cpus);
    this.#guests.delete(cpus);
    await guest?.kill();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#guests.keys()].map((cpus) => this.#drop(cpus)));
  }
}
