// A guest in a process of its own, its serial port on standard input and output. None outlives this process.
import type { ChildProcess } from 'node:child_process';
import { GuestConsole } from './console.js';

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export class GuestProcess {
  readonly console = new GuestConsole();
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    living.add(child);
    child.stdout?.on('data', (data: Buffer) => this.console.push(data));
    child.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-4096);
    });
    // Writing to a guest that has gone: what it ended with is told by `close`.
    child.stdin?.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      const gone = (reason: string, kind: 'ended' | 'refused') => {
        living.delete(child);
        this.console.end(reason, kind);
        resolve();
      };
      child.on('error', (error) => gone(error.message, 'refused'));
      child.on('close', (status, signal) => {
        const words = this.#stderr.trim().split('\n').at(-1) ?? '';
        gone(`the guest ended with ${signal ?? `status ${status}`}${words === '' ? '' : ` (${words})`}`, 'ended');
      });
    });
  }

  /** undefined when it has not started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; null when a signal ended it, or it did not start. Resolves when it has. */
  async status(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  send(text: string): void {
    this.#child.stdin?.write(text);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
