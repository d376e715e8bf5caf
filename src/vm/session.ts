// One run of one machine in this process, from start to its outcome.
import { performance } from 'node:perf_hooks';
import type {
  Addon,
  ExitReason,
  NativeCode,
  NativeMachine,
  NativeMachineConfig,
  NativeStats,
} from '../native/addon.js';
import { type DebuggerHost, MachineDebugger } from './debugger.js';
import { createMachine } from './machine.js';
import { ConsoleWatcher, type Reply } from './matcher.js';
import { type Outcome, outcome } from './outcome.js';

/** How long a panicking kernel may go on printing its last words, in milliseconds. */
const panicGrace = 2000;
/** How long to wait before offering bytes again that the serial port did not take, in milliseconds. */
const retryInterval = 20;
/** How long a machine may take to stop, in milliseconds. */
const stopGrace = 5000;

const newline = 0x0a;

export interface SessionOptions {
  readonly config: NativeMachineConfig;
  readonly sends: readonly Reply[];
  readonly until: RegExp | undefined;
  /** Seconds. */
  readonly timeout: number | undefined;
  /** Receives everything the guest writes to its serial port. */
  readonly output: (data: Uint8Array) => void;
  /** Wait for resume() at the first instruction. */
  readonly startsPaused?: boolean;
  /** The machine has paused by itself, until resume(). */
  readonly paused: (reason: string) => void;
}

export interface SessionResult {
  readonly outcome: Outcome;
  /** undefined when the machine did not come to a stop in time. */
  readonly stats: NativeStats | undefined;
  readonly totalSeconds: number;
  readonly firstOutputSeconds: number | undefined;
  readonly untilSeconds: number | undefined;
  readonly consoleBytes: number;
  /** Whether the console's last line is unfinished. */
  readonly endsInsideLine: boolean;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #watcher: ConsoleWatcher;
  readonly #machine: NativeMachine;
  readonly debugger: MachineDebugger;
  readonly #begun = performance.now();
  #firstOutput: number | undefined;
  #untilAt: number | undefined;
  #consoleBytes = 0;
  #lastByte: number = newline;
  #unsent: Uint8Array[] = [];
  #retryTimer: NodeJS.Timeout | undefined;
  #panicked = false;
  #panicTimer: NodeJS.Timeout | undefined;
  #timeoutTimer: NodeJS.Timeout | undefined;
  #outcome: Outcome | undefined;
  #ended: () => void = () => undefined;
  readonly #end: Promise<void>;
  #stopped: () => void = () => undefined;
  readonly #stop: Promise<void>;

  #isPaused: boolean;

  /** Throws BeelineError when the machine cannot be made. */
  constructor(addon: Addon, options: SessionOptions) {
    this.#options = options;
    this.#isPaused = options.startsPaused ?? false;
    this.#end = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.#stop = new Promise((resolve) => {
      this.#stopped = resolve;
    });
    this.#watcher = new ConsoleWatcher(options.sends, options.until, {
      onSend: (text) => this.write(text),
      onUntil: () => {
        this.#untilAt = this.#elapsed();
        this.finish(outcome('until'));
      },
      onPanic: () => {
        this.#panicked = true;
        this.#panicTimer = setTimeout(() => this.finish(outcome('panic')), panicGrace);
      },
      onPanicEnd: () => this.finish(outcome('panic')),
    });
    this.#machine = createMachine(addon, options.config, {
      onSerial: (data) => this.#onSerial(data),
      onPause: (reason) => {
        this.#isPaused = true;
        options.paused(reason);
        this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
      },
      onDebuggerStop: (cpu, kind, address) => {
        this.#isPaused = true;
        this.debugger.stopped({ cpu, kind, address });
      },
      onExit: (reason, detail) => this.#onExit(reason, detail),
    });
    this.debugger = new MachineDebugger(this.#machine, options.config.cpus, this.#debuggerHost());
  }

  /** Sends bytes to the guest's serial port, in order; what it does not take yet waits. */
  write(data: Uint8Array): void {
    this.#unsent.push(data);
    if (this.#retryTimer === undefined) this.#sendWaiting();
  }

  /** Whether bytes wait for the guest: a source that can wait should. */
  get isBacklogged(): boolean {
    return this.#unsent.length > 0;
  }

  #sendWaiting(): void {
    this.#retryTimer = undefined;
    while (this.#outcome === undefined) {
      const next = this.#unsent[0];
      if (next === undefined) return;
      const taken = this.#machine.serialWrite(next);
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        this.#retryTimer = setTimeout(() => this.#sendWaiting(), retryInterval);
        return;
      }
      this.#unsent.shift();
    }
  }

  /** Lets a paused machine go on. */
  resume(): void {
    this.#isPaused = false;
    this.#machine.resume();
  }

  #debuggerHost(): DebuggerHost {
    const session = this;
    return {
      get isPaused() {
        return session.#isPaused;
      },
      pause: () => {
        this.#machine.pause();
        this.#isPaused = true;
        this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
      },
      resume: (actions) => {
        this.#isPaused = false;
        this.#machine.debuggerResume(actions);
      },
      kill: () => this.finish(outcome('quit', 'gdb')),
    };
  }

  stats(): NativeStats {
    return this.#machine.stats();
  }

  /** After run(), when its result has statistics. */
  translations(): NativeCode[] {
    return this.#machine.translations();
  }

  /** Ends the run; the first outcome given stands. */
  finish(result: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = result;
    this.#ended();
  }

  async run(): Promise<SessionResult> {
    const { timeout } = this.#options;
    if (timeout !== undefined) {
      this.#timeoutTimer = setTimeout(() => this.finish(outcome('timeout')), timeout * 1000);
    }
    if (this.#options.startsPaused === true) this.#machine.pause();
    this.#machine.start();
    await this.#end;
    const totalSeconds = this.#elapsed();
    clearTimeout(this.#timeoutTimer);
    clearTimeout(this.#panicTimer);
    clearTimeout(this.#retryTimer);
    this.#machine.stop();
    const stopped = await this.#stopsInTime();
    return {
      outcome: this.#outcome ?? outcome('failure'),
      stats: stopped ? this.#machine.stats() : undefined,
      totalSeconds,
      firstOutputSeconds: this.#firstOutput,
      untilSeconds: this.#untilAt,
      consoleBytes: this.#consoleBytes,
      endsInsideLine: this.#lastByte !== newline,
    };
  }

  async #stopsInTime(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), stopGrace);
    });
    const stopped = await Promise.race([this.#stop.then(() => true), late]);
    clearTimeout(timer);
    return stopped;
  }

  #elapsed(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  #onSerial(data: Uint8Array): void {
    this.#firstOutput ??= this.#elapsed();
    this.#consoleBytes += data.length;
    this.#lastByte = data.at(-1) ?? this.#lastByte;
    this.#options.output(data);
    if (this.#outcome === undefined) this.#watcher.push(data);
  }

  #onExit(reason: ExitReason, detail: string): void {
    switch (reason) {
      case 'poweroff':
        this.finish(outcome(this.#panicked ? 'panic' : 'poweroff'));
        break;
      case 'reset':
        this.finish(outcome(this.#panicked ? 'panic' : 'reset'));
        break;
      case 'stopped':
      case 'internal_error':
        this.finish(outcome('failure', detail));
        break;
    }
    this.#stopped();
  }
}
