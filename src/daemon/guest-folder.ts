// What lies in a guest's folder, and how the daemon and the guest's process agree by it on who is alive.
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { writeFileAtomically } from '../atomic-file.js';
import { systemCode } from '../errors.js';
import type { Snapshot } from '../monitor/domains/snapshot.js';
import { accepts } from '../monitor/validation.js';
import { ProcessIdentity } from './process-identity.js';

const Claim = Type.Object({
  /** null: the daemon gave this start up before the process came to it. */
  process: Type.Union([ProcessIdentity, Type.Null()]),
});
export type Claim = Static<typeof Claim>;

const NotedCounters = Type.Object({
  at: Type.String(),
  elapsedSeconds: Type.Number({ minimum: 0 }),
  instructions: Type.Number({ minimum: 0 }),
  board: Type.Record(Type.String(), Type.Number({ minimum: 0 })),
});
export type NotedCounters = Static<typeof NotedCounters>;

const snapshotSuffix = '.snapshot';

/** Where earlier versions kept what the daemon knows about the guest of a folder. */
export function oldRecord(folder: string): string {
  return join(folder, 'record.json');
}

export class GuestFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** What the daemon knows about the guest: in a folder that no guest's process may write to, STATE/records. */
  get record(): string {
    return join(dirname(dirname(this.path)), 'records', `${basename(this.path)}.json`);
  }

  /** What the guest's process is to run; the daemon writes it before each start. */
  get start(): string {
    return this.at('start.json');
  }

  /** The process listens here. */
  get socket(): string {
    return this.at('socket');
  }

  /** And serves QMP here. */
  get qmp(): string {
    return this.at('qmp');
  }

  get gdb(): string {
    return this.at('gdb');
  }

  /** For files that have no name, such as what is written to drives that are to stay as they are. */
  get temporary(): string {
    return this.at('tmp');
  }

  /** What clients of QMP have asked to be written. */
  get dumps(): string {
    return this.at('dumps');
  }

  get events(): string {
    return this.at('events');
  }

  get console(): string {
    return this.at('console');
  }

  /** What the process prints. */
  get log(): string {
    return this.at('log');
  }

  get counters(): string {
    return this.at('counters.json');
  }

  /** Where a snapshot is, if there is one of that name. */
  snapshot(name: string): string {
    return join(this.at('snapshots'), `${name}${snapshotSuffix}`);
  }

  describeSnapshot(name: string): Snapshot | undefined {
    try {
      const { size, mtime } = statSync(this.snapshot(name));
      return { name, bytes: size, savedAt: mtime.toISOString() };
    } catch {
      return undefined;
    }
  }

  /** The latest first. */
  snapshots(): Snapshot[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.at('snapshots'));
    } catch {
      // None was ever saved.
    }
    return names
      .filter((name) => name.endsWith(snapshotSuffix))
      .map((name) => this.describeSnapshot(name.slice(0, -snapshotSuffix.length)))
      .filter((found) => found !== undefined)
      .sort((a, b) => b.savedAt.localeCompare(a.savedAt));
  }

  #claimPath(start: number): string {
    return this.at(`process.${start}.json`);
  }

  /**
   * Claims a start: the process when it begins, or the daemon when it gives up waiting. Only the first succeeds, so that
   * a guest never runs that the daemon has reported dead.
   */
  claim(start: number, claim: Claim): boolean {
    const temporary = this.at(`claim.${process.pid}`);
    writeFileSync(temporary, JSON.stringify(claim), { mode: 0o600 });
    try {
      linkSync(temporary, this.#claimPath(start));
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  readClaim(start: number): Claim | undefined {
    const value = this.#readJson(this.#claimPath(start));
    return accepts(Claim, value) ? value : undefined;
  }

  removeClaimsBefore(start: number): void {
    for (const name of readdirSync(this.path)) {
      const number = /^process\.(\d+)\.json$/.exec(name)?.[1];
      if (number !== undefined && Number(number) < start) rmSync(this.at(name), { force: true });
    }
  }

  writeCounters(counters: NotedCounters): void {
    writeFileAtomically(this.counters, JSON.stringify(counters));
  }

  readCounters(): NotedCounters | undefined {
    const value = this.#readJson(this.counters);
    return accepts(NotedCounters, value) ? value : undefined;
  }

  /** The end of what the process printed. */
  readLog(lines: number): string[] {
    return lastLinesOf(this.log, lines);
  }

  #readJson(path: string): unknown {
    try {
      return JSON.parse(readFileSync(path, 'utf8'));
    } catch {
      return undefined;
    }
  }
}

/** The record last: until then a daemon that dies here finds what is left. */
export function removeGuest(folder: GuestFolder): void {
  rmSync(folder.path, { recursive: true, force: true });
  rmSync(folder.record, { force: true });
}

const longestTail = 256 * 1024;

/** The last lines of a file, from its last 256 KiB; none when it cannot be read. */
export function lastLinesOf(path: string, lines: number): string[] {
  try {
    const size = statSync(path).size;
    const bytes = Buffer.alloc(Math.min(size, longestTail));
    const file = openSync(path, 'r');
    try {
      readSync(file, bytes, 0, bytes.length, size - bytes.length);
    } finally {
      closeSync(file);
    }
    return bytes
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-lines);
  } catch {
    return [];
  }
}
