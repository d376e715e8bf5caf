// Every result that was ever measured here, in one SQLite file.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import sqlite from 'node-sqlite3-wasm';
import { defaultState } from '../daemon/config.js';
import { BeelineError, messageOf } from '../errors.js';
import type { Metric } from './metrics.js';
import { baseName, headName, type RunResult, RunResultSchema, valuesOf } from './result.js';
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

export interface Selection {
  /** Of a machine. */
  readonly fingerprint?: string;
  readonly purpose?: RunResult['purpose'];
}

export class History {
  readonly #path: string;
  readonly #database: InstanceType<typeof sqlite.Database>;

  private constructor(path: string, database: InstanceType<typeof sqlite.Database>) {
    this.#path = path;
    this.#database = database;
  }

  /** Throws BEELINE_E_BENCH_HISTORY, also for a file of a newer version, which stays as it is. */
  static open(path = historyPath()): History {
    let database: InstanceType<typeof sqlite.Database> | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true });
      database = new sqlite.Database(path);
      const found = Number(database.get('PRAGMA user_version')?.user_version ?? 0);
      if (found > version) throw new Error(`a newer Beeline wrote it, version ${found} of its format`);
      if (found < version) database.exec(tables);
      return new History(path, database);
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
      return body();
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

  /** How much this machine's ratios stray, from what `bench calibrate` has measured on it; NaN where it has not. */
  noise(fingerprint: string, workload: string, metric: Metric, pairs: number): number {
    const ratios = this.results({ fingerprint, purpose: 'calibrate' }).flatMap((result) => {
      const base = valuesOf(result, workload, baseName, metric);
      return [...valuesOf(result, workload, headName, metric)].map(([pair, value]) => value / (base.get(pair) ?? 0));
    });
    return noiseFloor(
      ratios.filter((ratio) => Number.isFinite(ratio) && ratio > 0),
      pairs,
    );
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
