// Records with ascending numbers, kept in files: a line of JSON each. What a process that is killed has written stays;
// a line that it could not finish is as if it had never been begun.
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName, segmentsIn } from './segments.js';

export interface Numbered {
  readonly seq: number;
}

export interface JournalLimits {
  readonly segmentBytes: number;
  readonly segmentsKept: number;
}

const newline = 0x0a;
const ending = '.jsonl';

export class JournalReader<T extends Numbered> {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Up to `limit` records behind number `after`, in order. */
  read(after: number, limit: number): T[] {
    const found: T[] = [];
    const segments = segmentsIn(this.folder, ending);
    for (const [index, first] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next <= after + 1) continue;
      for (const record of this.#parse(first)) {
        if (record.seq <= after) continue;
        found.push(record);
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  /** The number of the first record that is kept; undefined when there is none. */
  first(): number | undefined {
    return segmentsIn(this.folder, ending)[0];
  }

  /** The number of the last record; 0 when there never was one. */
  last(): number {
    const segments = segmentsIn(this.folder, ending);
    for (const first of segments.reverse()) {
      const record = this.#parse(first).at(-1);
      if (record !== undefined) return record.seq;
    }
    return 0;
  }

  #parse(first: number): T[] {
    let text: string;
    try {
      text = readFileSync(join(this.folder, segmentName(first, ending)), 'utf8');
    } catch {
      // Removed since it was listed.
      return [];
    }
    const records: T[] = [];
    for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
      if (line === '') continue;
      try {
        records.push(JSON.parse(line) as T);
      } catch {
        // Damaged by the file system: the others are still good.
      }
    }
    return records;
  }
}

export class JournalWriter<T extends Numbered> extends JournalReader<T> {
  readonly #limits: JournalLimits;
  #file: number | undefined;
  #size = 0;
  #last: number;

  constructor(folder: string, limits: JournalLimits) {
    super(folder);
    this.#limits = limits;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#last = this.last();
    const segment = segmentsIn(folder, ending).at(-1);
    if (segment !== undefined) this.#continue(segment);
  }

  /** Cuts off what an earlier process could not finish. */
  #continue(segment: number): void {
    const path = join(this.folder, segmentName(segment, ending));
    const bytes = readFileSync(path);
    this.#size = bytes.lastIndexOf(newline) + 1;
    this.#file = openSync(path, 'a', 0o600);
    ftruncateSync(this.#file, this.#size);
  }

  get nextSeq(): number {
    return this.#last + 1;
  }

  /** Takes the next number. Throws what the file system says when the record cannot be kept. */
  append(record: T): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    if (this.#file === undefined || this.#size + line.length > this.#limits.segmentBytes) this.#openNext(record.seq);
    const file = this.#file;
    if (file === undefined) return;
    this.#last = record.seq;
    let done = 0;
    try {
      while (done < line.length) done += writeSync(file, line, done);
      this.#size += line.length;
    } catch (error) {
      ftruncateSync(file, this.#size);
      throw error;
    }
  }

  #openNext(first: number): void {
    this.close();
    const kept = segmentsIn(this.folder, ending);
    for (const old of kept.slice(0, Math.max(0, kept.length - (this.#limits.segmentsKept - 1)))) {
      rmSync(join(this.folder, segmentName(old, ending)), { force: true });
    }
    this.#file = openSync(join(this.folder, segmentName(first, ending)), 'a', 0o600);
    this.#size = 0;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
