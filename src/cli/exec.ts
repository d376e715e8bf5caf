// beeline exec: a command for the shell that waits at a guest's console, its output and its exit status.
import { randomBytes } from 'node:crypto';
import { BeelineError } from '../errors.js';
import type { MonitorClient } from '../monitor/client.js';
import { AnsiStripper } from '../vm/matcher.js';
import { type ClientOptions, withDaemon } from './client.js';

export interface ExecOptions extends ClientOptions {
  /** Seconds. */
  readonly timeout?: number;
}

export interface ExecResult {
  readonly status: number;
  readonly output: string;
}

const defaultTimeout = 60;

/** Finds what a command printed between two marks. */
export class ExecOutput {
  readonly #begin: string;
  readonly #end: RegExp;
  readonly #decoder = new TextDecoder();
  readonly #ansi = new AnsiStripper();
  #text = '';

  constructor(mark: string) {
    this.#begin = `begin-${mark}\n`;
    this.#end = new RegExp(`\\nend-${mark}-(\\d+)\\n`);
  }

  /** The result once it is there. */
  push(bytes: Uint8Array): ExecResult | undefined {
    this.#text += this.#ansi.push(this.#decoder.decode(bytes, { stream: true })).replace(/\r/g, '');
    const begin = this.#text.indexOf(this.#begin);
    // What came before is of no use; the mark itself may be cut in two.
    if (begin < 0) {
      this.#text = this.#text.slice(-this.#begin.length);
      return undefined;
    }
    const printed = this.#text.slice(begin + this.#begin.length);
    const end = this.#end.exec(printed);
    if (end === null) return undefined;
    return { status: Number(end[1]) & 0xff, output: printed.slice(0, end.index) };
  }
}

/** What to type. The marks are in two pieces, so that the echo of the line does not look like them. */
export function shellLine(command: string, mark: string): string {
  return `echo be''gin-${mark}; { ${command}\n}; status=$?; echo; echo en''d-${mark}-$status\n`;
}

async function execute(client: MonitorClient, vm: string, command: string, seconds: number): Promise<ExecResult> {
  const mark = randomBytes(8).toString('hex');
  const output = new ExecOutput(mark);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ExecResult>((resolve, reject) => {
      timer = setTimeout(() => reject(new BeelineError('BEELINE_E_EXEC_TIMEOUT', { vm, seconds })), seconds * 1000);
      const take = (bytes: Uint8Array) => {
        const result = output.push(bytes);
        if (result !== undefined) resolve(result);
      };
      void client.closed.then((detail) => reject(new BeelineError('BEELINE_E_CONNECTION_LOST', { detail })));
      client
        .attach({ vm, history: 0 }, take)
        .then(() =>
          client.call('console.write', { vm, base64: Buffer.from(shellLine(command, mark)).toString('base64') }),
        )
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

export function exec(vm: string, words: readonly string[], options: ExecOptions): Promise<number> {
  return withDaemon(options, async (client) => {
    const result = await execute(client, vm, words.join(' '), options.timeout ?? defaultTimeout);
    if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else process.stdout.write(result.output);
    return result.status;
  });
}
