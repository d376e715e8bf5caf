// The user's terminal in raw mode, given back as it was on every way out.
import type { ReadStream } from 'node:tty';

/** Raw mode on standard input, when that is a terminal. */
export class Terminal {
  readonly #input: ReadStream | undefined;
  #raw = false;
  readonly #restore = () => this.leaveRaw();

  constructor(input: NodeJS.ReadStream = process.stdin) {
    this.#input = input.isTTY ? (input as ReadStream) : undefined;
  }

  get isTerminal(): boolean {
    return this.#input !== undefined;
  }

  get isRaw(): boolean {
    return this.#raw;
  }

  enterRaw(): void {
    if (this.#input === undefined || this.#raw) return;
    this.#input.setRawMode(true);
    this.#raw = true;
    process.on('exit', this.#restore);
  }

  leaveRaw(): void {
    if (this.#input === undefined || !this.#raw) return;
    this.#raw = false;
    process.off('exit', this.#restore);
    try {
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone (hung up): there is nothing left to restore.
    }
  }
}
