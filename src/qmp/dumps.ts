// Guest memory to files, a piece at a time, so that the process answers others meanwhile.
import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { messageOf } from '../errors.js';
import type { DumpResult, EventName, RunState } from './commands.js';
import { coreHead, findKernelNote } from './core-file.js';
import { refused } from './errors.js';
import type { QmpHost } from './host.js';

const pieceBytes = 1024 * 1024;
/** Where the machine's RAM begins. */
const ramBase = 0x4000_0000;
const zeroes = Buffer.alloc(pieceBytes);

export interface DumpRange {
  readonly begin: number;
  readonly length: number;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

export class Dumps {
  readonly #host: QmpHost;
  readonly #event: (name: EventName, data: object) => void;
  #last: DumpResult = { status: 'none', completed: 0, total: 0 };

  constructor(host: QmpHost, event: (name: EventName, data: object) => void) {
    this.#host = host;
    this.#event = event;
  }

  get last(): DumpResult {
    return this.#last;
  }

  /** Memory as it is, virtual as `cpu` sees it, or physical. */
  async save(address: number, size: number, path: string, cpu: number | undefined): Promise<void> {
    const { debugger: memory, config } = this.#host;
    const wrong = () => refused(`Invalid addr 0x${address.toString(16)}/size ${size} specified`);
    if (size > config.memoryBytes) throw wrong();
    const file = this.#create(path);
    try {
      for (let done = 0; done < size; done += pieceBytes) {
        const length = Math.min(pieceBytes, size - done);
        const bytes = memory.whileStill(() => memory.read(BigInt(address + done), length, cpu));
        if (bytes.length < length) throw wrong();
        this.#write(path, () => writeAll(file, bytes, done));
        await turn();
      }
    } finally {
      closeSync(file);
    }
  }

  saveTree(path: string): void {
    const file = this.#create(path);
    try {
      this.#write(path, () => writeAll(file, this.#host.dtb(), 0));
    } finally {
      closeSync(file);
    }
  }

  /** Starts an ELF core file of RAM; what is returned resolves when it is complete. */
  start(path: string, range: DumpRange | undefined): Promise<void> {
    if (this.#last.status === 'active') throw refused('There is a dump in process, please wait.');
    const { memoryBytes } = this.#host.config;
    const begin = range?.begin ?? ramBase;
    const end = range === undefined ? ramBase + memoryBytes : range.begin + range.length;
    if (range !== undefined && (range.length === 0 || begin < ramBase || end > ramBase + memoryBytes)) {
      throw refused("Invalid parameter 'begin'");
    }
    const file = this.#create(path);
    const wasRunning = this.#isIn('running');
    if (wasRunning) this.#host.pause();
    this.#last = { status: 'active', completed: 0, total: end - begin };
    return this.#dump(file, path, begin, end).finally(() => {
      closeSync(file);
      if (wasRunning && this.#isIn('paused')) this.#host.resume();
    });
  }

  #isIn(state: RunState): boolean {
    return this.#host.runState === state;
  }

  async #dump(file: number, path: string, begin: number, end: number): Promise<void> {
    const { debugger: machine, config } = this.#host;
    const read = (at: number) => machine.read(BigInt(at), Math.min(pieceBytes, end - at), undefined);
    try {
      let kernelNote: Buffer | undefined;
      for (let at = begin; at < end && kernelNote === undefined; at += pieceBytes) {
        kernelNote = findKernelNote(read(at));
        await turn();
      }
      const cpus = Array.from({ length: config.cpus }, (_unused, cpu) => machine.registers(cpu));
      const head = coreHead({ cpus, kernelNote: kernelNote ?? Buffer.alloc(0), address: begin, length: end - begin });
      this.#write(path, () => {
        writeAll(file, head, 0);
        ftruncateSync(file, head.length + end - begin);
      });
      for (let at = begin; at < end; at += pieceBytes) {
        const bytes = read(at);
        // What is left out is a hole of the file.
        if (!bytes.equals(zeroes.subarray(0, bytes.length))) {
          this.#write(path, () => writeAll(file, bytes, head.length + at - begin));
        }
        this.#last = { ...this.#last, completed: at + bytes.length - begin };
        await turn();
      }
      this.#last = { ...this.#last, status: 'completed' };
      this.#event('DUMP_COMPLETED', { result: this.#last });
    } catch (error) {
      this.#last = { ...this.#last, status: 'failed' };
      this.#event('DUMP_COMPLETED', { result: this.#last, error: messageOf(error) });
      throw error;
    }
  }

  #create(path: string): number {
    try {
      return this.#host.createFile(path);
    } catch (error) {
      throw refused(`Could not open '${path}': ${messageOf(error)}`);
    }
  }

  #write(path: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      throw refused(`Could not write '${path}': ${messageOf(error)}`);
    }
  }
}
