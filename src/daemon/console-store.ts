// What consoles have written, in files: each byte has an offset, counted from the guest's first start on. The guest's
// process writes, the daemon reads; neither needs the other to be alive.
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName, segmentsIn } from './segments.js';

/** A file holds up to this much; so many files are kept. */
const segmentBytes = 1024 * 1024;
const segmentsKept = 8;
/** Files are named by the offset of their first byte alone. */
const ending = '';
/** How far back last lines are looked for. */
const tailBytes = 8192;

function sizeOf(folder: string, segment: number): number {
  try {
    const file = openSync(join(folder, segmentName(segment, ending)), 'r');
    try {
      return fstatSync(file).size;
    } finally {
      closeSync(file);
    }
  } catch {
    return 0;
  }
}

/** The offset behind the last byte; 0 where nothing was ever written. */
export function consoleEnd(folder: string): number {
  const last = segmentsIn(folder, ending).at(-1);
  return last === undefined ? 0 : last + sizeOf(folder, last);
}

export class ConsoleWriter {
  readonly #folder: string;
  #file: number | undefined;
  #begin: number;
  #end: number;

  /** Goes on where an earlier process ended. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#end = consoleEnd(folder);
    this.#begin = this.#end;
  }

  get end(): number {
    return this.#end;
  }

  /**
   * Never throws: where the file system refuses, as when it is full, bytes are lost, and readers see by the offsets how
   * many. The guest is not to suffer from that.
   */
  write(data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const room = this.#begin + segmentBytes - this.#end;
      if (this.#file === undefined || room <= 0) {
        if (!this.#openNext()) {
          this.#end += data.length - done;
          return;
        }
        continue;
      }
      try {
        const written = writeSync(this.#file, data, done, Math.min(room, data.length - done));
        done += written;
        this.#end += written;
      } catch {
        // The next write begins a file at its own offset.
        this.close();
        if (this.#end === this.#begin) rmSync(join(this.#folder, segmentName(this.#begin, ending)), { force: true });
        this.#end += data.length - done;
        return;
      }
    }
  }

  #openNext(): boolean {
    this.close();
    const kept = segmentsIn(this.#folder, ending);
    for (const old of kept.slice(0, Math.max(0, kept.length - (segmentsKept - 1)))) {
      rmSync(join(this.#folder, segmentName(old, ending)), { force: true });
    }
    try {
      this.#file = openSync(join(this.#folder, segmentName(this.#end, ending)), 'a', 0o600);
    } catch {
      return false;
    }
    this.#begin = this.#end;
    return true;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

export interface ConsolePiece {
  /** Where the bytes begin; more than was asked for when those before are gone. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class ConsoleReader {
  readonly #folder: string;
  /** Many viewers ask for the same piece, one after the other. */
  #last: ConsolePiece | undefined;
  /** The end as it was when somebody last looked. */
  #end: number | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  end(): number {
    this.#end = consoleEnd(this.#folder);
    return this.#end;
  }

  /** The offset of the first byte that is kept. */
  begin(): number {
    return segmentsIn(this.#folder, ending)[0] ?? 0;
  }

  /** Up to `length` bytes at `from` or behind it; none at the end that end() has last seen. */
  read(from: number, length: number): ConsolePiece {
    if (from >= (this.#end ?? this.end())) return { offset: from, bytes: new Uint8Array() };
    const last = this.#last;
    if (last !== undefined && last.offset === from && last.bytes.length > 0 && last.bytes.length <= length) return last;
    for (const segment of segmentsIn(this.#folder, ending)) {
      const size = sizeOf(this.#folder, segment);
      if (segment + size <= from) continue;
      const offset = Math.max(from, segment);
      const bytes = this.#readSegment(segment, offset - segment, Math.min(length, segment + size - offset));
      if (bytes.length === 0) continue;
      this.#last = { offset, bytes };
      return this.#last;
    }
    return { offset: from, bytes: new Uint8Array() };
  }

  #readSegment(segment: number, at: number, length: number): Uint8Array {
    try {
      const file = openSync(join(this.#folder, segmentName(segment, ending)), 'r');
      try {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, readSync(file, bytes, 0, length, at));
      } finally {
        closeSync(file);
      }
    } catch {
      // Removed since it was listed.
      return new Uint8Array();
    }
  }

  /** The last lines, as text without control characters. */
  lastLines(count: number): string[] {
    const tail = this.#tail(Math.max(0, this.end() - tailBytes));
    return tail
      .toString()
      .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
      .split(/\r?\n|\r/)
      .map((line) => line.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '').slice(0, 400))
      .filter((line) => line !== '')
      .slice(-count);
  }

  #tail(begin: number): Buffer {
    const pieces: Uint8Array[] = [];
    for (let from = begin; ; ) {
      const piece = this.read(from, tailBytes);
      if (piece.bytes.length === 0) return Buffer.concat(pieces);
      pieces.push(piece.bytes);
      from = piece.offset + piece.bytes.length;
    }
  }
}
