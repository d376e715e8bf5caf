// A debugger's hold on a machine, shared by all who debug it: gdb's sessions and the monitor.
import type {
  NativeCpuState,
  NativeDebuggerAction,
  NativeDebuggerPoints,
  NativeDebuggerStop,
  NativeMachine,
} from '../native/addon.js';

/** Why the machine has stopped. pause: somebody asked for it. */
export interface DebuggerStop {
  readonly cpu: number;
  readonly kind: NativeDebuggerStop | 'pause';
  /** The watched byte; 0 where none is. */
  readonly address: bigint;
}

/** Who runs the machine, and tells others of its state. */
export interface DebuggerHost {
  readonly isPaused: boolean;
  /** Pauses the machine, and calls paused(). */
  pause(): void;
  /** By NativeMachine.debuggerResume(). */
  resume(actions: readonly NativeDebuggerAction[]): void;
  /** Ends the guest. */
  kill(): void;
}

export type Watchpoint = NativeDebuggerPoints['watchpoints'][number];

export class MachineDebugger {
  readonly cpus: number;
  readonly #machine: NativeMachine;
  readonly #host: DebuggerHost;
  readonly #points = new Map<object, NativeDebuggerPoints>();
  readonly #listeners = new Set<(stop: DebuggerStop) => void>();
  /** CPUs that stay where they are while others run. */
  readonly #held = new Set<number>();

  constructor(machine: NativeMachine, cpus: number, host: DebuggerHost) {
    this.#machine = machine;
    this.cpus = cpus;
    this.#host = host;
  }

  get isPaused(): boolean {
    return this.#host.isPaused;
  }

  /** undefined: the CPU is off, or the machine not paused. */
  registers(cpu: number): NativeCpuState | undefined {
    return this.#machine.cpuState(cpu);
  }

  writeRegister(cpu: number, name: string, value: bigint): boolean {
    return this.#machine.writeRegister(cpu, name, value);
  }

  /** Virtual as `cpu` sees it, or physical. */
  read(address: bigint, length: number, cpu: number | undefined): Buffer {
    return this.#machine.readMemory(address, length, cpu);
  }

  write(address: bigint, data: Uint8Array, cpu: number | undefined): number {
    return this.#machine.writeMemory(address, data, cpu);
  }

  /** What `owner` wants stops at; undefined: it is gone. */
  setPoints(owner: object, points: NativeDebuggerPoints | undefined): void {
    if (points === undefined) {
      if (!this.#points.delete(owner)) return;
    } else {
      this.#points.set(owner, points);
    }
    this.#machine.setDebuggerPoints(this.#merged());
  }

  #merged(): NativeDebuggerPoints | undefined {
    if (this.#points.size === 0) return undefined;
    const all = [...this.#points.values()];
    return {
      breakpoints: [...new Set(all.flatMap(({ breakpoints }) => breakpoints))],
      watchpoints: all.flatMap(({ watchpoints }) => watchpoints),
    };
  }

  /** While no CPU executes; a guest that runs is halted for so long, of which nobody is told. */
  whileStill<T>(look: () => T): T {
    const halted = !this.#host.isPaused && this.#machine.pause();
    try {
      return look();
    } finally {
      if (halted) this.letGo();
    }
  }

  /** In ascending order. */
  get held(): readonly number[] {
    return [...this.#held].sort((a, b) => a - b);
  }

  /** From now on the CPU stays where it is, whatever lets the others go on. False: it did already. */
  hold(cpu: number): boolean {
    if (this.#held.has(cpu)) return false;
    this.whileStill(() => this.#held.add(cpu));
    return true;
  }

  /** Ends that. False: it was not held. */
  release(cpu: number): boolean {
    if (!this.#held.has(cpu)) return false;
    this.whileStill(() => this.#held.delete(cpu));
    return true;
  }

  /** For the host: lets the machine go on, but for CPUs that are held. */
  letGo(): void {
    if (this.#held.size === 0) this.#machine.resume();
    else this.#machine.debuggerResume(this.#sparing(Array<NativeDebuggerAction>(this.cpus).fill('run')));
  }

  #sparing(actions: readonly NativeDebuggerAction[]): NativeDebuggerAction[] {
    return actions.map((action, cpu) => (action === 'run' && this.#held.has(cpu) ? 'hold' : action));
  }

  pause(): void {
    if (!this.#host.isPaused) this.#host.pause();
  }

  /** Somebody must have set points, be they empty. A CPU that is held does not run, but steps. */
  resume(actions: readonly NativeDebuggerAction[]): void {
    this.#host.resume(this.#sparing(actions));
  }

  kill(): void {
    this.#host.kill();
  }

  onStop(listener: (stop: DebuggerStop) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For the host: the machine has stopped. */
  stopped(stop: DebuggerStop): void {
    for (const listener of [...this.#listeners]) listener(stop);
  }
}
