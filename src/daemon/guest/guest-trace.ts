// The trace of a guest in its own process: one at a time, for any number of readers.
import { BeelineError } from '../../errors.js';
import type { TraceRange, TraceSettings } from '../../monitor/domains/trace.js';
import type { Result } from '../../monitor/protocol.js';
import { defaultTraceRecords, type TraceCategory, traceCategories } from '../../monitor/trace-limits.js';
import type { NativeMachine } from '../../native/addon.js';
import { kindBits, traceEvents } from '../../vm/trace.js';

const defaultEvents = 500;

export interface TraceHost {
  registerName(key: number): string;
  /** Calls `change` while no CPU executes; throws when that cannot be, or it returns false. */
  whileStill(change: () => boolean): void;
}

interface Running {
  /** Part of each cursor. */
  readonly id: number;
  readonly since: string;
  readonly categories: readonly TraceCategory[];
  readonly records: number;
}

export class GuestTrace {
  readonly #vm: string;
  readonly #machine: NativeMachine;
  readonly #host: TraceHost;
  #running: Running | undefined;

  constructor(vm: string, machine: NativeMachine, host: TraceHost) {
    this.#vm = vm;
    this.#machine = machine;
    this.#host = host;
  }

  start({ categories, records = defaultTraceRecords }: TraceSettings): Result<'trace.status'> {
    if (this.#running !== undefined) throw new BeelineError('BEELINE_E_TRACE_ON', { vm: this.#vm });
    const wanted = categories ?? traceCategories.filter((category) => category !== 'returns');
    const kept = 2 ** Math.ceil(Math.log2(records));
    this.#host.whileStill(() => this.#machine.startTrace(kindBits(wanted), kept));
    const now = new Date();
    this.#running = { id: now.getTime(), since: now.toISOString(), categories: wanted, records: kept };
    return this.status();
  }

  stop(): void {
    this.#mustRun();
    this.#host.whileStill(() => this.#machine.stopTrace());
    this.#running = undefined;
  }

  status(): Result<'trace.status'> {
    const { since = null, categories = [], records = 0 } = this.#running ?? {};
    const written = this.#machine.traceWritten() ?? [];
    return { tracing: this.#running !== undefined, since, categories: [...categories], records, written };
  }

  read({ cursor, limit = defaultEvents }: TraceRange): Result<'trace.read'> {
    const { id } = this.#mustRun();
    const [ofTrace = id, ...positions] = cursor?.split(':').map(Number) ?? [];
    if (ofTrace !== id) throw new BeelineError('BEELINE_E_TRACE_CURSOR', { vm: this.#vm, cursor: cursor ?? '' });
    const batch = this.#machine.readTrace(positions, limit);
    if (batch === undefined) throw new BeelineError('BEELINE_E_TRACE_OFF', { vm: this.#vm });
    return {
      events: traceEvents(batch.records, (key) => this.#host.registerName(key)),
      cursor: [id, ...batch.positions].join(':'),
      lost: batch.lost,
      more: batch.more,
    };
  }

  #mustRun(): Running {
    if (this.#running === undefined) throw new BeelineError('BEELINE_E_TRACE_OFF', { vm: this.#vm });
    return this.#running;
  }
}
