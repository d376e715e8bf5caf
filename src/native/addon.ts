// The shape of the native addon, as native/addon/addon.cpp exports it.

export interface HostFeature {
  readonly name: string;
  readonly present: boolean;
  readonly use: string;
}

export interface NativeMachineConfig {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly cpuModel: 'n1' | 'a57';
  readonly gicVersion: 2 | 3;
  readonly tier: 'interpreter';
  readonly kernel: string;
  readonly initrd: string;
  readonly dtb: string;
  readonly append: string;
  readonly noReboot: boolean;
}

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
  /** Seconds since start(). */
  readonly elapsedSeconds: number;
  /** Guest instructions retired by all CPUs. */
  readonly instructions: number;
  /** Counters of each CPU. */
  readonly cpus: readonly Counters[];
}

export interface NativeMachine {
  start(): void;
  pause(): void;
  resume(): void;
  reset(): void;
  /** Presses the power button. */
  powerdown(): void;
  /** Stops every thread of the machine; onExit follows with `stopped` unless the guest came first. */
  stop(): void;
  serialWrite(data: Uint8Array): void;
  stats(): NativeStats;
  dtb(): Buffer;
}

/** What the core throws: `code` is a BEELINE_E_ code, `option` the command line's name of what was wrong. */
export interface NativeError {
  readonly code: string;
  readonly option: string;
  readonly message: string;
}

export interface Addon {
  hostFeatures(): HostFeature[];
  readonly Machine: new (config: NativeMachineConfig, events: NativeMachineEvents) => NativeMachine;
}
