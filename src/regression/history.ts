// Every result that was ever measured here, in one SQLite file.
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import sqlite from 'node-sqlite3-wasm';
import { defaultState } from '../daemon/config.js';
import { BeelineError, messageOf } from '../errors.js';
import type { NoiseOf } from './questions.js';
import { baseName, headName, isTogether, type RunResult, RunResultSchema, valuesOf } from './result.js';
import { noiseFloor } from './tests.js';

/** PRAGMA user_version of files that this Beeline writes. */
const version = 1;

const tables = `
CREATE TABLE IF NOT EXISTS result (
  id TEXT PRIMARY KEY,
  started_at TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  purpose TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS result_by_machine ON result (fingerprint, purpose, started_at);
PRAGMA user_version = ${version};`;

/** $BEELINE_BENCH_HISTORY, or a file in the state folder. */
export function historyPath(env: NodeJS.ProcessEnv = process.env): string {
  return env.BEELINE_BENCH_HISTORY || join(defaultState(env), 'bench.sqlite');
}

/** How long one use may take, in milliseconds: usually far less. Whoever holds the file for longer is gone. */
const usualPatience = 20_000;
const lockPoll = 20;
/**
 * SQLite that finds no table asks whether others have made it meanwhile, and where it cannot ask, because they are at the file
 * just then, says that there is none. In milliseconds.
 */
const tablePatience = 2000;

/** When the lock was taken; undefined when nobody has it. */
function lockedSince(lock: string): number | undefined {
  return statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
}

/**
 * Waits while others are at the file: SQLite's own waiting does not work with this way to lock, a folder beside the file. One
 * of a process that was killed would stay for ever.
 */
function inTurn<T>(path: string, patience: number, body: () => T): T {
  const lock = `${path}.lock`;
  const begun = Date.now();
  let holder = { since: lockedSince(lock), seen: begun };
  for (;;) {
    try {
      return body();
    } catch (error) {
      const now = Date.now();
      const reason = messageOf(error);
      const isBusy = /database is locked/.test(reason) && now - begun <= 3 * patience;
      const mayBeThere = /no such table/.test(reason) && now - begun <= tablePatience;
      if (!isBusy && !mayBeThere) throw error;
      const since = lockedSince(lock);
      if (since !== holder.since) holder = { since, seen: now };
      else if (since !== undefined && now - holder.seen > patience) rmSync(lock, { recursive: true, force: true });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPoll);
    }
  }
}

export interface Selection {
  /** Of a machine. */
  readonly fingerprint?: string;
  readonly purpose?: RunResult['purpose'];
}

export class History {
  readonly #path: string;
  readonly #patience: number;
  readonly #database: InstanceType<typeof sqlite.Database>;

  private constructor(path: string, patience: number, database: InstanceType<typeof sqlite.Database>) {
    this.#path = path;
    this.#patience = patience;
    this.#database = database;
  }

  /** Throws BEELINE_E_BENCH_HISTORY, also for a file of a newer version, which stays as it is. */
  static open(path = historyPath(), patience = usualPatience): History {
    let database: InstanceType<typeof sqlite.Database> | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true });
      const opened = new sqlite.Database(path);
      database = opened;
      inTurn(path, patience, () => {
        const found = Number(opened.get('PRAGMA user_version')?.user_version ?? 0);
        if (found > version) throw new Error(`a newer Beeline wrote it, version ${found} of its format`);
        if (found < version) opened.exec(tables);
      });
      return new History(path, patience, opened);
    } catch (error) {
      database?.close();
      throw History.#error(path, error);
    }
  }

  static #error(path: string, error: unknown): BeelineError {
    const detail = messageOf(error);
    if (/disk is full/.test(detail)) return new BeelineError('BEELINE_E_DISK_FULL', { path }, error);
    // SQLite learns no more than that from the system.
    const reason = /disk I\/O error/.test(detail) ? `${detail}: the disk may be full` : detail;
    return new BeelineError('BEELINE_E_BENCH_HISTORY', { path, detail: reason }, error);
  }

  #attempt<T>(body: () => T): T {
    try {
      return inTurn(this.#path, this.#patience, body);
    } catch (error) {
      throw History.#error(this.#path, error);
    }
  }

  /** The same result twice is there once. */
  add(result: RunResult): void {
    const { id, startedAt, fingerprint, purpose } = result;
    const values = [id, startedAt, fingerprint.id, purpose, JSON.stringify(result)];
    this.#attempt(() => this.#database.run('INSERT OR IGNORE INTO result VALUES (?, ?, ?, ?, ?)', values));
  }

  /** Oldest first. */
  results({ fingerprint, purpose }: Selection = {}): RunResult[] {
    const rows = this.#attempt(() =>
      this.#database.all(
        'SELECT document FROM result WHERE coalesce(fingerprint = ?, 1) AND coalesce(purpose = ?, 1) ORDER BY started_at, id',
        [fingerprint ?? null, purpose ?? null],
      ),
    );
    return rows.map(({ document }) => this.#parse(String(document)));
  }

  /** undefined when there is none. */
  find(id: string): RunResult | undefined {
    const row = this.#attempt(() => this.#database.get('SELECT document FROM result WHERE id = ?', [id]));
    return row === null ? undefined : this.#parse(String(row.document));
  }

  #parse(text: string): RunResult {
    return this.#attempt(() => {
      const value: unknown = JSON.parse(text);
      if (!Value.Check(RunResultSchema, value)) throw new Error('it holds what is no result');
      return value;
    });
  }

  /** From what `bench calibrate` has measured on a machine so far, in turns or together; NaN for what it has not. */
  noiseOf(fingerprint: string, together: boolean): NoiseOf {
    // Large, and asked about every workload and metric.
    const results = this.results({ fingerprint, purpose: 'calibrate' }).filter((one) => isTogether(one) === together);
    return (workload, metric, pairs) => {
      const ratios = results.flatMap((result) => {
        const base = valuesOf(result, workload, baseName, metric);
        return [...valuesOf(result, workload, headName, metric)].map(([pair, value]) => value / (base.get(pair) ?? 0));
      });
      return noiseFloor(
        ratios.filter((ratio) => Number.isFinite(ratio) && ratio > 0),
        pairs,
      );
    };
  }

  close(): void {
    this.#database.close();
  }
}

/** Opens the history for as long as `body` takes. */
export function withHistory<T>(body: (history: History) => T): T {
  const history = History.open();
  try {
    return body(history);
  } finally {
    history.close();
  }
}
