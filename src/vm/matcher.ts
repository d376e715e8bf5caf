// Watches the console for regular expressions: --send, --until and kernel panics.
import { TextDecoder } from 'node:util';

/** How much of the console's past a regular expression can see, in characters. */
export const windowSize = 64 * 1024;

/** Takes terminal escape sequences out of a stream of text, wherever the stream is cut. */
export class AnsiStripper {
  // ECMA-48: CSI parameters and final byte; OSC and other strings up to BEL or ST; two-character escapes.
  static readonly #whole = new RegExp(
    [
      '\\x1b\\[[\\x30-\\x3f]*[\\x20-\\x2f]*[\\x40-\\x7e]',
      '\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)',
      '\\x1b[\\x20-\\x2f]+[\\x30-\\x7e]',
      '\\x1b[\\x30-\\x4f\\x51-\\x57\\x59\\x5a\\x5c\\x60-\\x7e]',
    ].join('|'),
    'g',
  );
  static readonly #partial = /\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*|[\]PX^_][^\x07\x1b]*\x1b?|[\x20-\x2f]*)$/;
  /** Beyond this an unfinished sequence is taken for text: a guest must not make us hold output back for ever. */
  static readonly #longest = 4096;
  #held = '';

  push(text: string): string {
    const all = this.#held + text;
    const cut = AnsiStripper.#partial.exec(all);
    const end = cut !== null && all.length - cut.index <= AnsiStripper.#longest ? cut.index : all.length;
    this.#held = all.slice(end);
    return all.slice(0, end).replace(AnsiStripper.#whole, '');
  }
}

/**
 * The console's text so far, bounded. Bytes are decoded as UTF-8 and escape sequences are dropped, across the borders of
 * chunks. Offsets count characters since the beginning.
 */
export class ConsoleText {
  readonly #decoder = new TextDecoder('utf-8');
  readonly #ansi = new AnsiStripper();
  #text = '';
  #start = 0;

  push(bytes: Uint8Array): void {
    this.#text += this.#ansi.push(this.#decoder.decode(bytes, { stream: true }));
    const excess = this.#text.length - windowSize;
    if (excess > 0) {
      this.#text = this.#text.slice(excess);
      this.#start += excess;
    }
  }

  /** The end of the first match that begins at `from` or later, or undefined. `regex` needs the g flag. */
  find(regex: RegExp, from: number): number | undefined {
    regex.lastIndex = Math.max(0, from - this.#start);
    const match = regex.exec(this.#text);
    return match === null ? undefined : this.#start + match.index + match[0].length;
  }

  get end(): number {
    return this.#start + this.#text.length;
  }
}

export interface Reply {
  readonly regex: RegExp;
  readonly text: Uint8Array;
}

export interface WatcherEvents {
  onSend(text: Uint8Array): void;
  onUntil(): void;
  onPanic(): void;
  onPanicEnd(): void;
}

const panicStart = /Kernel panic - not syncing/g;
const panicEnd = /---\[ end Kernel panic[^\n]*\n/g;

/**
 * Each --send fires once, in the order given, each looking only at what came after the match of the one before; --until
 * is looked for after the last of them. Panics are looked for all the time.
 */
export class ConsoleWatcher {
  readonly #text = new ConsoleText();
  readonly #sends: Reply[];
  readonly #until: RegExp | undefined;
  readonly #events: WatcherEvents;
  #from = 0;
  #panicFrom = 0;
  #panic: 'none' | 'begun' | 'ended' = 'none';
  #untilSeen = false;

  constructor(sends: readonly Reply[], until: RegExp | undefined, events: WatcherEvents) {
    this.#sends = sends.map(({ regex, text }) => ({ regex: searching(regex), text }));
    this.#until = until === undefined ? undefined : searching(until);
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    // In steps well below the window, so that nothing leaves it unseen.
    for (let offset = 0; offset < bytes.length; offset += windowSize / 4) {
      this.#text.push(bytes.subarray(offset, offset + windowSize / 4));
      this.#sendAndUntil();
      this.#watchPanic();
    }
  }

  #sendAndUntil(): void {
    for (let next = this.#sends[0]; next !== undefined; next = this.#sends[0]) {
      const end = this.#text.find(next.regex, this.#from);
      if (end === undefined) return;
      this.#from = end;
      this.#sends.shift();
      this.#events.onSend(next.text);
    }
    if (this.#until === undefined || this.#untilSeen) return;
    if (this.#text.find(this.#until, this.#from) !== undefined) {
      this.#untilSeen = true;
      this.#events.onUntil();
    }
  }

  #watchPanic(): void {
    if (this.#panic === 'none') {
      const end = this.#text.find(panicStart, this.#panicFrom);
      // The last characters may be the beginning of the words looked for.
      this.#panicFrom = end ?? Math.max(this.#panicFrom, this.#text.end - 64);
      if (end !== undefined) {
        this.#panic = 'begun';
        this.#events.onPanic();
      }
    }
    if (this.#panic === 'begun' && this.#text.find(panicEnd, this.#panicFrom) !== undefined) {
      this.#panic = 'ended';
      this.#events.onPanicEnd();
    }
  }
}

function searching(regex: RegExp): RegExp {
  return new RegExp(regex.source, regex.flags.includes('g') ? regex.flags : `${regex.flags}g`);
}
