// All events, in one order, each with a place in the journal that outlives the daemon.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError } from '../errors.js';
import type { EventName } from '../monitor/protocol.js';
import { JournalWriter, type Numbered } from './journal-files.js';

export interface LoggedEvent extends Numbered {
  readonly time: string;
  readonly event: EventName;
  readonly vm: { readonly name: string; readonly id: string } | null;
  readonly data: unknown;
  /** The number that the guest's own process gave it, if it comes from there. */
  readonly source?: number;
}

/** As clients see it. */
export interface PublicEvent {
  readonly cursor: string;
  readonly time: string;
  readonly event: string;
  readonly vm: { readonly name: string; readonly id: string } | null;
  readonly data: unknown;
}

const limits = { segmentBytes: 1024 * 1024, segmentsKept: 16 } as const;
/** Subscribers that are not far behind are served from memory. */
const recentEvents = 1024;

export class EventLog {
  readonly #id: string;
  readonly #journal: JournalWriter<LoggedEvent>;
  readonly #recent: LoggedEvent[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #onFailure: (error: unknown) => void;

  /** `onFailure` hears when an event cannot be kept; it is delivered all the same. */
  constructor(folder: string, onFailure: (error: unknown) => void) {
    this.#journal = new JournalWriter(folder, limits);
    this.#onFailure = onFailure;
    this.#id = journalId(folder);
  }

  append(event: Omit<LoggedEvent, 'seq'>): LoggedEvent {
    const whole = { seq: this.#journal.nextSeq, ...event };
    try {
      this.#journal.append(whole);
    } catch (error) {
      this.#onFailure(error);
    }
    this.#recent.push(whole);
    if (this.#recent.length > recentEvents) this.#recent.shift();
    for (const listener of this.#listeners) listener();
    return whole;
  }

  /** Number of the last event; 0 before the first. */
  get last(): number {
    return this.#journal.nextSeq - 1;
  }

  read(after: number, limit: number): LoggedEvent[] {
    const oldest = this.#recent[0]?.seq;
    if (oldest === undefined || after + 1 < oldest) return this.#journal.read(after, limit);
    const begin = after + 1 - oldest;
    return this.#recent.slice(begin, begin + limit);
  }

  /** Events behind `after` that are not kept any more. */
  missedSince(after: number): number {
    const oldest = this.#recent[0]?.seq;
    if (oldest !== undefined && after + 1 >= oldest) return 0;
    const first = this.#journal.first() ?? this.last + 1;
    return Math.max(0, first - 1 - after);
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  cursor(seq: number): string {
    return `${this.#id}:${seq}`;
  }

  /** Throws BEELINE_E_CURSOR when the cursor comes from elsewhere or lies in the future. */
  position(cursor: string): number {
    const [id, number] = cursor.split(':');
    const seq = Number(number);
    if (id !== this.#id || !Number.isSafeInteger(seq) || seq > this.last) {
      throw new BeelineError('BEELINE_E_CURSOR', { cursor });
    }
    return seq;
  }

  publish(event: LoggedEvent): PublicEvent {
    const { seq, time, event: name, vm, data } = event;
    return { cursor: this.cursor(seq), time, event: name, vm, data };
  }

  close(): void {
    this.#journal.close();
  }
}

/** Made with the journal: cursors of another one are not to be mistaken for ours. */
function journalId(folder: string): string {
  const path = join(folder, 'id');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    const id = randomUUID();
    writeFileAtomically(path, `${id}\n`);
    return id;
  }
}

/** Which events a client wants. */
export interface EventFilter {
  readonly events?: readonly string[] | undefined;
  readonly vms?: readonly string[] | undefined;
}

export function passes(filter: EventFilter, event: LoggedEvent): boolean {
  const { events, vms } = filter;
  if (vms !== undefined && (event.vm === null || !vms.includes(event.vm.name))) return false;
  if (events === undefined) return true;
  const [domain] = event.event.split('.');
  return events.some((pattern) => pattern === '*' || pattern === event.event || pattern === `${domain}.*`);
}
