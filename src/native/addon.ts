// The shape of the native addon, as native/addon/addon.cpp exports it.

export interface HostFeature {
  readonly name: string;
  readonly present: boolean;
  readonly use: string;
}

/** A file copied to guest memory as it is. */
export interface RawLoad {
  readonly path: string;
  readonly address: number;
}

/** Empty paths mean none. */
export interface NativeMachineConfig {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly cpuModel: 'n1' | 'a57';
  readonly gicVersion: 2 | 3;
  readonly kernel: string;
  readonly initrd: string;
  readonly dtb: string;
  readonly append: string;
  readonly loads: readonly RawLoad[];
  readonly noReboot: boolean;
  readonly tier: Tier;
  /** Techniques of the direct tier that are switched off, by the names that techniques() gives. */
  readonly disable: readonly string[];
  /** Check translated code against the interpreter. */
  readonly verify: boolean;
}

export type Tier = 'interpreter' | 'direct';

export type ExitReason = 'poweroff' | 'reset' | 'stopped' | 'internal_error';

export interface NativeMachineEvents {
  /** Bytes the guest wrote to its serial port, in order, none lost. */
  onSerial(data: Buffer): void;
  /** Comes once, after the last onSerial. */
  onExit(reason: ExitReason, detail: string): void;
}

/** Counters by name. The core decides which exist; every value is a non-negative number. */
export type Counters = Readonly<Record<string, number>>;

export interface NativeStats {
  /** Seconds from start() to now, or to the exit. */
  readonly elapsedSeconds: number;
  /** Seconds from start() to the first byte of serial output; negative when none came yet. */
  readonly firstOutputSeconds: number;
  /** Seconds that making the machine and loading its files took. */
  readonly createSeconds: number;
  /** Counters of each CPU; `instructions` is among them. */
  readonly cpus: readonly Counters[];
  /** What the direct tier of each CPU did; empty with the interpreter alone. */
  readonly direct: readonly Counters[];
  /** Switches out of translated code by cause, likewise. */
  readonly switches: readonly Counters[];
  /** Counters of the board. */
  readonly board: Counters;
}

export interface NativeMachine {
  start(): void;
  pause(): void;
  resume(): void;
  reset(): void;
  /** Presses the power button. */
  powerdown(): void;
  /** Blocks until every thread of the machine has ended; onExit follows, unless it has come already. */
  stop(): void;
  /** Returns how many bytes were taken; the rest has to be offered again later. */
  serialWrite(data: Uint8Array): number;
  stats(): NativeStats;
  dtb(): Buffer;
}

export interface Addon {
  /** Names of the direct tier's techniques. */
  techniques(): string[];
  hostFeatures(): HostFeature[];
  /** Puts the descriptor's terminal settings back should the process crash. */
  guardTerminal(descriptor: number): void;
  readonly Machine: new (config: NativeMachineConfig, events: NativeMachineEvents) => NativeMachine;
}
