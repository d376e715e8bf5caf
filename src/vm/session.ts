// One run of one machine in this process, from start to its outcome.
import { performance } from 'node:perf_hooks';
import { BeelineError } from '../errors.js';
import type { ConsoleSize } from '../monitor/domains/console.js';
import type {
  Addon,
  ExitReason,
  NativeCode,
  NativeMachine,
  NativeMachineConfig,
  NativeStats,
} from '../native/addon.js';
import { type DebuggerHost, MachineDebugger } from './debugger.js';
import { createMachine, type Exchange, fromNative } from './machine.js';
import { ConsoleWatcher, type Reply } from './matcher.js';
import { type EndReason, type Outcome, outcome, type PanicAction } from './outcome.js';
import { describeMachine } from './snapshot.js';

/** How long a panicking kernel may go on printing its last words, in milliseconds. */
const panicGrace = 2000;
/** How long to wait before offering bytes again that the serial port did not take, in milliseconds. */
const retryInterval = 20;
/** How long a machine may take to stop, in milliseconds. */
const stopGrace = 5000;

/** Guests that reset without end are told of this often, in milliseconds. */
const resetInterval = 1000;
/** Endings that leave a guest which could go on. */
const resumable: ReadonlySet<EndReason> = new Set(['until', 'timeout', 'quit', 'signal']);

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
  /** Save the machine here when it is ended while it could go on. */
  readonly snapshot?: string | undefined;
  /** The machine has paused by itself, until resume(). */
  readonly paused: (reason: string) => void;
  readonly happened?: (event: SessionEvent) => void;
  readonly exchange?: Exchange;
}

/** What becomes of the machine, for those who follow it. */
export type SessionEvent =
  /** `reason`: of a machine that paused by itself; else empty. */
  | { readonly kind: 'paused'; readonly reason: string }
  | { readonly kind: 'resumed' | 'powerdown' | 'panicked' }
  | { readonly kind: 'reset'; readonly byGuest: boolean }
  | { readonly kind: 'ended'; readonly outcome: Outcome };

export type SessionState = 'prelaunch' | 'running' | 'paused' | 'lacks-space' | 'panicked' | 'ended';

export interface SessionResult {
  readonly outcome: Outcome;
  /** undefined when the machine did not come to a stop in time. */
  readonly stats: NativeStats | undefined;
  readonly totalSeconds: number;
  readonly firstOutputSeconds: number | undefined;
  readonly untilSeconds: number | undefined;
  readonly consoleBytes: number;
  /** Why there is no snapshot although there should be one. */
  readonly snapshotError: Error | undefined;
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
  #panicAction: PanicAction = 'exit-failure';
  #lacksSpace = false;
  #hasRun = false;
  #resetTimer: NodeJS.Timeout | undefined;
  #resetsUntold = 0;
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
        this.#tell({ kind: 'panicked' });
        this.#panicTimer = setTimeout(() => this.#actOnPanic(), panicGrace);
      },
      onPanicEnd: () => this.#actOnPanic(),
    });
    this.#machine = createMachine(
      addon,
      options.config,
      {
        onSerial: (data) => this.#onSerial(data),
        onPause: (reason) => {
          this.#lacksSpace = true;
          options.paused(reason);
          this.#enterPause(reason);
          this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
        },
        onDebuggerStop: (cpu, kind, address) => {
          this.#enterPause('');
          this.debugger.stopped({ cpu, kind, address });
        },
        onGuestReset: (count) => {
          if (this.#panicAction === 'none') this.#panicked = false;
          this.#resetsUntold += count;
          if (this.#resetTimer === undefined) this.#tellResets();
        },
        onExit: (reason, detail) => this.#onExit(reason, detail),
      },
      options.exchange,
    );
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

  get state(): SessionState {
    if (this.#outcome !== undefined) return 'ended';
    if (!this.#isPaused) return 'running';
    if (this.#lacksSpace) return 'lacks-space';
    if (this.#panicked) return 'panicked';
    return this.#hasRun ? 'paused' : 'prelaunch';
  }

  pause(): void {
    if (this.#isPaused || this.#outcome !== undefined) return;
    this.#machine.pause();
    this.#enterPause('');
    this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
  }

  /** Lets a paused machine go on. */
  resume(): void {
    this.#machine.resume();
    this.#leavePause();
  }

  reset(): void {
    if (this.#outcome !== undefined) return;
    this.#machine.reset();
    this.#tell({ kind: 'reset', byGuest: false });
  }

  /** Presses the power button. */
  powerdown(): void {
    if (this.#outcome !== undefined) return;
    this.#machine.powerdown();
    this.#tell({ kind: 'powerdown' });
  }

  /** `port` is its place in the config. */
  resizeConsole(port: number, { columns, rows }: ConsoleSize): void {
    if (this.#outcome === undefined) this.#machine.resizeConsole(port, columns, rows);
  }

  setNoReboot(noReboot: boolean): void {
    this.#machine.setNoReboot(noReboot);
  }

  /** What follows when the kernel panics; the run ends unless something else is said. */
  get panicAction(): PanicAction {
    return this.#panicAction;
  }

  setPanicAction(action: PanicAction): void {
    this.#panicAction = action;
  }

  #actOnPanic(): void {
    clearTimeout(this.#panicTimer);
    if (this.#panicAction === 'pause') this.pause();
    else if (this.#panicAction !== 'none') this.finish(outcome('panic'));
  }

  #enterPause(reason: string): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#tell({ kind: 'paused', reason });
  }

  #leavePause(): void {
    if (!this.#isPaused || this.#outcome !== undefined) return;
    this.#isPaused = false;
    this.#lacksSpace = false;
    this.#hasRun = true;
    this.#tell({ kind: 'resumed' });
  }

  #tell(event: SessionEvent): void {
    this.#options.happened?.(event);
  }

  #tellResets(): void {
    this.#resetTimer = undefined;
    if (this.#resetsUntold === 0) return;
    this.#resetsUntold = 0;
    this.#tell({ kind: 'reset', byGuest: true });
    this.#resetTimer = setTimeout(() => this.#tellResets(), resetInterval);
  }

  #debuggerHost(): DebuggerHost {
    const session = this;
    return {
      get isPaused() {
        return session.#isPaused;
      },
      pause: () => {
        this.#machine.pause();
        this.#enterPause('');
        this.debugger.stopped({ cpu: 0, kind: 'pause', address: 0n });
      },
      resume: (actions) => {
        this.#machine.debuggerResume(actions);
        this.#leavePause();
      },
      kill: () => this.finish(outcome('quit', 'gdb')),
    };
  }

  /** The device tree that the guest has. */
  dtb(): Buffer {
    return this.#machine.dtb();
  }

  setBalloon(bytes: number): boolean {
    return this.#machine.setBalloon(bytes);
  }

  balloon(): number | undefined {
    return this.#machine.balloon()?.bytes;
  }

  stats(): NativeStats {
    return this.#machine.stats();
  }

  /** After run(), when its result has statistics. */
  translations(): NativeCode[] {
    return this.#machine.translations();
  }

  /** Writes the whole machine into a file; it goes on afterwards. */
  async save(path: string): Promise<void> {
    try {
      await this.#machine.saveSnapshot(path, describeMachine(this.#options.config));
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Ends the run; the first outcome given stands. */
  finish(result: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = result;
    this.#tell({ kind: 'ended', outcome: result });
    this.#ended();
  }

  async run(): Promise<SessionResult> {
    const { timeout } = this.#options;
    if (timeout !== undefined) {
      this.#timeoutTimer = setTimeout(() => this.finish(outcome('timeout')), timeout * 1000);
    }
    if (this.#options.startsPaused === true) this.#machine.pause();
    else this.#hasRun = true;
    this.#machine.start();
    await this.#end;
    const totalSeconds = this.#elapsed();
    clearTimeout(this.#timeoutTimer);
    clearTimeout(this.#panicTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#resetTimer);
    const snapshotError = await this.#saveAtEnd();
    this.#machine.stop();
    const stopped = await this.#stopsInTime();
    return {
      outcome: this.#outcome ?? outcome('failure'),
      stats: stopped ? this.#machine.stats() : undefined,
      totalSeconds,
      firstOutputSeconds: this.#firstOutput,
      untilSeconds: this.#untilAt,
      consoleBytes: this.#consoleBytes,
      snapshotError,
      endsInsideLine: this.#lastByte !== newline,
    };
  }

  async #saveAtEnd(): Promise<Error | undefined> {
    const { snapshot: path } = this.#options;
    if (path === undefined) return undefined;
    const reason = this.#outcome?.reason ?? 'failure';
    if (!resumable.has(reason)) {
      const detail = 'the guest had ended before it could be taken';
      return new BeelineError('BEELINE_E_SNAPSHOT', {
        path,
        detail,
        remedy: 'end the run earlier, such as by --until',
      });
    }
    // What the guest did between the file and the end would be lost, and its disks would be others.
    this.#machine.pause();
    try {
      await this.save(path);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
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
