// Reads what a guest appends to a disk that was empty, while it appends: see agent.ts for the records.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** The longest record that is taken for one, in bytes. */
const longestRecord = 1 << 20;
const header = /^(\d{1,7}) ([0-9a-f]{32})\n/;
/** More than the longest header. */
const headerSize = 64;

export class RecordReader {
  readonly #descriptor: number;
  #offset = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  /** The next record once all of it is there. */
  next(): Buffer | undefined {
    const start = this.#read(this.#offset, headerSize);
    const [line, size = '', sum] = header.exec(start.toString('latin1')) ?? [];
    const length = Number(size);
    if (line === undefined || length > longestRecord) return undefined;
    const data = this.#read(this.#offset + line.length, length);
    if (data.length < length || createHash('md5').update(data).digest('hex') !== sum) return undefined;
    this.#offset += line.length + length;
    return data;
  }

  #read(position: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(this.#descriptor, buffer, 0, length, position));
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** A stream that ends with "MARK STATUS\n", wherever it is cut. */
export class MarkedStream {
  readonly #mark: Buffer;
  readonly #output: (data: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);
  #status: number | undefined;

  constructor(mark: string, output: (data: Buffer) => void) {
    this.#mark = Buffer.from(`${mark} `);
    this.#output = output;
  }

  push(data: Buffer): void {
    if (this.#status !== undefined) return;
    const all = Buffer.concat([this.#held, data]);
    const at = all.indexOf(this.#mark);
    if (at < 0) {
      this.#release(all, all.length - this.#partialMark(all));
      return;
    }
    const status = /^(\d+)\n/.exec(all.toString('latin1', at + this.#mark.length))?.[1];
    this.#release(all, at);
    if (status !== undefined) this.#status = Number(status) & 0xff;
  }

  /** How many of the last bytes may be the beginning of the mark. */
  #partialMark(data: Buffer): number {
    for (let length = Math.min(this.#mark.length - 1, data.length); length > 0; length--) {
      if (data.subarray(data.length - length).equals(this.#mark.subarray(0, length))) return length;
    }
    return 0;
  }

  #release(all: Buffer, end: number): void {
    if (end > 0) this.#output(all.subarray(0, end));
    this.#held = all.subarray(end);
  }

  /** Once the stream has ended. */
  get status(): number | undefined {
    return this.#status;
  }
}
