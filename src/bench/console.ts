// Text of a guest's console, with a way to wait for what it prints.
import { AnsiStripper, windowSize } from '../vm/matcher.js';

/** refused: there is no machine. other: none of these. */
export type GuestErrorKind = 'refused' | 'ended' | 'silent' | 'panicked' | 'other';

export class GuestError extends Error {
  readonly kind: GuestErrorKind;

  constructor(message: string, kind: GuestErrorKind = 'other') {
    super(message);
    this.name = 'GuestError';
    this.kind = kind;
  }
}

const panic = /Kernel panic - not syncing[^\r\n]*/;

export class GuestConsole {
  #text = '';
  readonly #escapes = new AnsiStripper();
  #wake: () => void = () => undefined;
  /** Why nothing more will come. */
  #ended: GuestError | undefined;

  push(data: Uint8Array): void {
    this.#text = (this.#text + this.#escapes.push(Buffer.from(data).toString('latin1'))).slice(-windowSize);
    this.#wake();
  }

  /** The first reason stands. */
  end(reason: string, kind: 'ended' | 'refused' = 'ended'): void {
    this.#ended ??= new GuestError(reason, kind);
    this.#wake();
  }

  /** The console's last line that is not empty, for messages. */
  get lastLine(): string {
    return this.#text.split(/[\r\n]+/).findLast((line) => line.trim() !== '') ?? '';
  }

  /**
   * Drops everything up to the end of the match. Only one may wait at a time. Rejects with GuestError when the guest ends,
   * its kernel panics or `patience` (milliseconds) is over, and with the signal's reason when that comes.
   */
  async waitFor(pattern: RegExp, patience: number, signal: AbortSignal): Promise<RegExpExecArray> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#wake();
    }, patience);
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal.throwIfAborted();
        const match = pattern.exec(this.#text);
        if (match !== null) {
          this.#text = this.#text.slice(match.index + match[0].length);
          return match;
        }
        const panicked = panic.exec(this.#text)?.[0];
        if (panicked !== undefined) throw new GuestError(`the guest's kernel panicked: ${panicked}`, 'panicked');
        const last = `its last words: ${this.lastLine}`;
        if (this.#ended?.kind === 'refused') throw this.#ended;
        if (this.#ended !== undefined) throw new GuestError(`${this.#ended.message}, ${last}`, 'ended');
        if (isOver) throw new GuestError(`no answer for ${patience / 1000} s, ${last}`, 'silent');
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#wake = () => undefined;
    }
  }
}
