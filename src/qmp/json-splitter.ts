// Cuts a stream of bytes into JSON objects. Clients of QMP need not put each on a line of its own.

const openBrace = 0x7b;
const closeBrace = 0x7d;
const quote = 0x22;
const backslash = 0x5c;
const newline = 0x0a;

/** A longer object is refused. */
const longestObject = 1024 * 1024;

export type Piece =
  | { readonly kind: 'object'; readonly text: string }
  /** Something that begins no object; up to the end of its line. */
  | { readonly kind: 'garbage' }
  /** The object has become too long; nothing after it can be made sense of. */
  | { readonly kind: 'overflow' };

export class JsonSplitter {
  #pieces: Buffer[] = [];
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inGarbage = false;

  push(data: Buffer): Piece[] {
    const found: Piece[] = [];
    let begin = 0;
    for (const [index, byte] of data.entries()) {
      if (this.#depth === 0) {
        begin = index;
        this.#outside(byte, found);
      } else if (this.#inside(byte)) {
        this.#pieces.push(data.subarray(begin, index + 1));
        found.push({ kind: 'object', text: Buffer.concat(this.#pieces).toString() });
        this.#pieces = [];
        this.#length = 0;
      }
    }
    if (this.#depth === 0) return found;
    // A copy: the buffer may be of a pool that is used again.
    const rest = Buffer.from(data.subarray(begin));
    this.#pieces.push(rest);
    this.#length += rest.length;
    if (this.#length > longestObject) found.push({ kind: 'overflow' });
    return found;
  }

  #outside(byte: number, found: Piece[]): void {
    if (byte === newline) {
      this.#inGarbage = false;
    } else if (byte === openBrace) {
      this.#inGarbage = false;
      this.#depth = 1;
    } else if (byte > 0x20 && !this.#inGarbage) {
      this.#inGarbage = true;
      found.push({ kind: 'garbage' });
    }
  }

  /** Whether the object ends here. */
  #inside(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
      return false;
    }
    if (byte === quote) this.#inString = true;
    else if (byte === openBrace) this.#depth++;
    else if (byte === closeBrace) this.#depth--;
    return this.#depth === 0;
  }
}
