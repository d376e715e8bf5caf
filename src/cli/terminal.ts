// The user's terminal: its size, and raw mode, from which it is given back as it was on every way out.
import type { ReadStream } from 'node:tty';
import type { ConsoleSize } from '../monitor/domains/console.js';

/** Tells the size of the terminal that standard output is, now and whenever it changes; returns what ends that. */
export function followTerminalSize(tell: (size: ConsoleSize) => void): () => void {
  const { stdout } = process;
  if (!stdout.isTTY) return () => undefined;
  const look = () => {
    const { columns, rows } = stdout;
    // A terminal that does not know its size says 0.
    if (columns > 0 && rows > 0) tell({ columns, rows });
  };
  // A shell's job that is suspended is not told that the size changes. Node looks at it when it is told.
  const onContinue = () => void process.emit('SIGWINCH', 'SIGWINCH');
  look();
  stdout.on('resize', look);
  process.on('SIGCONT', onContinue);
  return () => {
    stdout.off('resize', look);
    process.off('SIGCONT', onContinue);
  };
}

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
