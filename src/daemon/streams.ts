// What one connection follows: consoles, events, counters. Each stream is asked for its next message only when the
// client has read most of what it was sent before, so that a slow one costs a position and no memory.
import { FrameKind, writeFrame } from '../monitor/frames.js';
import type { Result } from '../monitor/protocol.js';
import type { EventFilter, EventLog } from './event-log.js';
import { passes } from './event-log.js';
import type { Vm } from './vm.js';

export type Outgoing =
  | { readonly kind: 'notice'; readonly method: string; readonly params: object }
  | { readonly kind: 'binary'; readonly data: Uint8Array };

export interface Stream {
  /** For messages that say what a wrong number was meant to be. */
  readonly kind: 'stream' | 'subscription';
  /** The next messages; none when there is nothing new. */
  next(): Outgoing[];
  close(): void;
}

/** Bytes of console output in one frame. */
const frameBytes = 32 * 1024;
/** Events looked at in one go. */
const eventBatch = 64;

export class ConsoleStream implements Stream {
  readonly kind = 'stream';
  readonly vm: Vm;
  readonly #number: number;
  readonly #forget: () => void;
  #position: number;
  #deleted = false;

  /** `wake` is called when there is something to fetch. */
  constructor(number: number, vm: Vm, position: number, wake: () => void) {
    this.#number = number;
    this.vm = vm;
    this.#position = position;
    this.#forget = vm.addListener({
      onConsole: wake,
      onDeleted: () => {
        this.#deleted = true;
        wake();
      },
    });
  }

  next(): Outgoing[] {
    if (this.#deleted) {
      this.#deleted = false;
      return [{ kind: 'notice', method: 'console.detached', params: { stream: this.#number, vm: this.vm.name } }];
    }
    const { offset, bytes } = this.vm.console.read(this.#position, frameBytes);
    if (bytes.length === 0) return [];
    const messages: Outgoing[] = [];
    if (offset > this.#position) {
      const params = { stream: this.#number, from: this.#position, to: offset };
      messages.push({ kind: 'notice', method: 'console.missed', params });
    }
    const data = writeFrame({ kind: FrameKind.output, stream: this.#number, offset, bytes });
    messages.push({ kind: 'binary', data });
    this.#position = offset + bytes.length;
    return messages;
  }

  close(): void {
    this.#forget();
  }
}

export class EventStream implements Stream {
  readonly kind = 'subscription';
  readonly #number: number;
  readonly #log: EventLog;
  readonly #filter: EventFilter;
  readonly #forget: () => void;
  #position: number;

  constructor(number: number, log: EventLog, filter: EventFilter, position: number, wake: () => void) {
    this.#number = number;
    this.#log = log;
    this.#filter = filter;
    this.#position = position;
    this.#forget = log.onAppend(wake);
  }

  next(): Outgoing[] {
    const messages: Outgoing[] = [];
    while (messages.length === 0) {
      const missed = this.#log.missedSince(this.#position);
      if (missed > 0) {
        this.#position += missed;
        const params = { subscription: this.#number, count: missed };
        messages.push({ kind: 'notice', method: 'monitor.missed', params });
      }
      const events = this.#log.read(this.#position, eventBatch);
      const last = events.at(-1);
      if (last === undefined) break;
      this.#position = last.seq;
      for (const event of events) {
        if (!passes(this.#filter, event)) continue;
        const params = { subscription: this.#number, ...this.#log.publish(event) };
        messages.push({ kind: 'notice', method: 'monitor.event', params });
      }
    }
    return messages;
  }

  close(): void {
    this.#forget();
  }
}

/** Keeps the latest sample only: who reads slowly gets fewer. */
export class PerfStream implements Stream {
  readonly kind = 'subscription';
  readonly #number: number;
  readonly #vm: Vm;
  readonly #timer: NodeJS.Timeout;
  #sample: { readonly time: string; readonly counters: Result<'perf.counters'> } | undefined;
  #skipped = 0;

  constructor(number: number, vm: Vm, seconds: number, wake: () => void) {
    this.#number = number;
    this.#vm = vm;
    this.#timer = setInterval(() => void this.#take(wake), seconds * 1000);
  }

  async #take(wake: () => void): Promise<void> {
    if (!this.#vm.isLiving) return;
    try {
      const counters = await this.#vm.sampledCounters();
      if (this.#sample !== undefined) this.#skipped++;
      this.#sample = { time: new Date().toISOString(), counters };
      wake();
    } catch {
      // It has just ended, which an event tells.
    }
  }

  next(): Outgoing[] {
    if (this.#sample === undefined) return [];
    const params = { subscription: this.#number, vm: this.#vm.name, skipped: this.#skipped, ...this.#sample };
    this.#sample = undefined;
    this.#skipped = 0;
    return [{ kind: 'notice', method: 'perf.sample', params }];
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
