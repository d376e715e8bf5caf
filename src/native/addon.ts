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

/** How the guest gets at a device: a slot of virtio-mmio's, or PCI. */
export type DeviceBus = 'mmio' | 'pci';

/** A disk of the guest. */
export interface Drive {
  readonly path: string;
  /** probe: as the first bytes of the file say. */
  readonly format: 'probe' | 'raw' | 'qcow2';
  readonly readonly: boolean;
  /** Writes go to a throw-away overlay. */
  readonly snapshot: boolean;
  /** A snapshot inside a qcow2 file whose state to show; empty: the present one. */
  readonly at: string;
  /** What the guest reads as the disk's serial number. */
  readonly serial: string;
  /** auto: io_uring, or threads where the host refuses it. */
  readonly aio: 'auto' | 'io_uring' | 'threads';
  /** Left out: mmio. */
  readonly bus?: DeviceBus;
}

/** A port of the host's that leads to one of the guest's. */
export interface Forward {
  readonly protocol: 'tcp' | 'udp';
  /** IPv4; empty: every address of the host. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Empty: the one that DHCP gives first. */
  readonly guestAddress: string;
  readonly guestPort: number;
}

/** A network card of the guest, and what it is connected to. */
export interface Network {
  /** user: address translation in the guest's process; tap: an interface of the host's. */
  readonly kind: 'user' | 'tap';
  /** The card's address, 52:54:00:12:34:56; empty: as the core chooses. */
  readonly mac: string;
  /** Of user: the guest reaches nothing, and is reached by forwarded ports only. */
  readonly restrict: boolean;
  /** Of user. */
  readonly forwards: readonly Forward[];
  /** Of tap. */
  readonly interface: string;
  /** Left out: mmio. */
  readonly bus?: DeviceBus;
}

/** A folder of the host's that the guest may mount. */
export interface Share {
  readonly path: string;
  /** By which the guest knows it. */
  readonly tag: string;
  readonly readonly: boolean;
  /** Left out: mmio. */
  readonly bus?: DeviceBus;
}

/** A port of the guest's console device, and where its bytes go. */
export interface Port {
  /** Whether it is a terminal: /dev/hvc0 and so on. */
  readonly console: boolean;
  /** By which the guest finds it; empty: it has none. */
  readonly name: string;
  /** socket: whoever connects to a Unix socket; file: the end of a file; serial: where the serial port goes. */
  readonly kind: 'socket' | 'file' | 'serial';
  /** Of socket and file. */
  readonly path: string;
  /** Of file: whether what it holds is removed first. */
  readonly truncate: boolean;
  /** Left out: mmio. */
  readonly bus?: DeviceBus;
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
  readonly firmware: string;
  readonly firmwareVars: string;
  /** Offer firmware ACPI tables; absent: yes. */
  readonly acpi?: boolean;
  readonly loads: readonly RawLoad[];
  /** The guest's first disk first. */
  readonly drives: readonly Drive[];
  /** Its first card first. */
  readonly networks: readonly Network[];
  /** How the guest gets at its memory balloon. */
  readonly balloon: DeviceBus | 'none';
  readonly shares: readonly Share[];
  readonly ports: readonly Port[];
  /** Go on with the machine in this file, which has to be like this one, instead of switching one on. */
  readonly snapshot?: string;
  readonly noReboot: boolean;
  /** Guest time is counted: an instruction takes 2^icount nanoseconds of it. Absent: guest time is the host's. */
  readonly icount?: number;
  readonly tier: Tier;
  /** Techniques of the direct tier that are switched off, by the names that techniques() gives. */
  readonly disable: readonly string[];
  /** Check translated code against the interpreter. */
  readonly verify: boolean;
  /** Entries of a block by the interpreter before it is translated; absent: as the core chooses. */
  readonly translateAfter?: number;
  /** Name translated code for Linux perf. */
  readonly perfMap: boolean;
  /** Keep with each block what translations() tells. */
  readonly keepDetails: boolean;
}

export type Tier = 'interpreter' | 'direct';

export type ExitReason = 'poweroff' | 'reset' | 'stopped' | 'internal_error';

export type NativeDebuggerStop = 'breakpoint' | 'read' | 'write' | 'step';

/** Virtual addresses, of whatever address space. */
export interface NativeDebuggerPoints {
  readonly breakpoints: readonly bigint[];
  /** Ranges of bytes, both ends included. */
  readonly watchpoints: readonly {
    readonly first: bigint;
    readonly last: bigint;
    readonly reads: boolean;
    readonly writes: boolean;
  }[];
}

export type NativeDebuggerAction = 'run' | 'step' | 'hold';

export interface NativeMachineEvents {
  /** Bytes the guest wrote to its serial port, in order, none lost. */
  onSerial(data: Buffer): void;
  /**
   * Counted time: the guest stands still, all of its output having been handed over, until serialExchanged(). What is
   * written to the serial port before that reaches the guest at the same instruction in every run.
   */
  onSerialExchange(): void;
  /** The machine has paused by itself, until resume(). */
  onPause(reason: string): void;
  /**
   * The machine has paused, because a CPU came to a breakpoint, was about to touch what is watched (from the byte at
   * `address` on), or has made its step. Only after setDebuggerPoints().
   */
  onDebuggerStop(cpu: number, kind: NativeDebuggerStop, address: bigint): void;
  /** The guest has reset itself, so many times since the last call. */
  onGuestReset(count: number): void;
  /** Comes once, after the last onSerial. */
  onExit(reason: ExitReason, detail: string): void;
}

/** What a guest's memory balloon has done. */
export interface NativeBalloon {
  /** Of the guest's memory that it has left. */
  readonly bytes: number;
  /** What the guest last told of its memory, by name, in bytes or events. */
  readonly statistics: Readonly<Record<string, number>>;
}

/** A network card, as it is. */
export interface NativeNetwork {
  readonly mac: string;
  readonly linkUp: boolean;
  readonly forwards: readonly Forward[];
}

/** Counters by name. The core decides which exist; every value is a non-negative number. */
export type Counters = Readonly<Record<string, number>>;

/** Requests that have been served, and their bytes. */
export interface NativeDriveStats {
  readonly format: 'raw' | 'qcow2';
  /** Its size. */
  readonly bytes: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly flushes: number;
  /** With those that write zeroes. */
  readonly discards: number;
  readonly discardedBytes: number;
  readonly failures: number;
}

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
  /** The drives, as configured. */
  readonly drives: readonly NativeDriveStats[];
  /** Counters of the board. */
  readonly board: Counters;
}

/** A name for places; 64-bit numbers are hexadecimal here and below. */
export interface NativeSymbolRange {
  readonly begin: string;
  readonly size: number;
  readonly count: number;
  readonly stride: number;
  readonly name: string;
}

export interface NativeSymbols {
  readonly frame: readonly NativeSymbolRange[];
  readonly segment: readonly NativeSymbolRange[];
  readonly addresses: readonly NativeSymbolRange[];
}

export interface NativeBlock {
  readonly pc: string;
  readonly pa: string;
  readonly el: number;
  readonly inUse: boolean;
  readonly executions: number;
  readonly words: string;
  readonly address: string;
  readonly code: string;
  readonly layout: readonly { readonly begin: number; readonly instruction: number; readonly cold: boolean }[];
  readonly symbols: readonly NativeSymbolRange[];
}

/** Translated code of one CPU. */
export interface NativeCode {
  readonly symbols: NativeSymbols;
  readonly blocks: readonly NativeBlock[];
}

/** A translated block without its code, which is many times as large. Addresses are hexadecimal, with 0x. */
export interface NativeBlockSummary {
  readonly cpu: number;
  readonly pc: string;
  readonly pa: string;
  readonly el: number;
  readonly inUse: boolean;
  readonly executions: number;
  readonly instructions: number;
  readonly bytes: number;
}

/** Translated blocks that matter most, and how much all together come to. */
export interface NativeHotBlocks {
  readonly count: number;
  /** Executed. */
  readonly instructions: number;
  readonly bytes: number;
  readonly blocks: readonly NativeBlockSummary[];
}

export interface NativeTraceBatch {
  /** Nine words each: CPU, number, time in nanoseconds, kind, detail, and four that depend on the kind. */
  readonly records: BigUint64Array;
  /** By CPU: where the next batch begins. */
  readonly positions: number[];
  /** By CPU: how many were not kept until now. */
  readonly lost: number[];
  readonly more: boolean;
}

export type BlockOrder = 'instructions' | 'executions' | 'bytes';

/** Numbers are hexadecimal, with 0x. */
export interface NativeCpuState {
  readonly el: number;
  readonly pc: string;
  readonly sp: string;
  readonly pstate: string;
  readonly fpcr: string;
  readonly fpsr: string;
  readonly x: string[];
  readonly v: string[];
  readonly system: Record<string, string>;
}

export interface NativeMachine {
  start(): void;
  /** false: it was paused already, or has ended. */
  pause(): boolean;
  resume(): void;
  reset(): void;
  /** Whether a guest that resets itself ends the run. */
  setNoReboot(noReboot: boolean): void;
  /** Presses the power button. */
  powerdown(): void;
  /** Blocks until every thread of the machine has ended; onExit follows, unless it has come already. */
  stop(): void;
  /** Writes the whole machine into a file; `description` is for snapshotDescription(). */
  saveSnapshot(path: string, description: string): Promise<void>;
  /** Goes on as the machine in a file, which has to be like this one. */
  loadSnapshot(path: string): Promise<void>;
  /** Returns how many bytes were taken; the rest has to be offered again later. */
  serialWrite(data: Uint8Array): number;
  /** The answer to onSerialExchange(). */
  serialExchanged(): void;
  /** Tells the guest the size of a console, whose place among the ports is `port`. false: it is none. */
  resizeConsole(port: number, columns: number, rows: number): boolean;
  /** Has the guest keep so many bytes of its memory. false: it has no balloon. */
  setBalloon(bytes: number): boolean;
  /** undefined: it has none. */
  balloon(): NativeBalloon | undefined;
  /** The cards, as configured. */
  networks(): NativeNetwork[];
  /** Puts the cable into one of them, or takes it out. */
  setLink(card: number, up: boolean): void;
  /** undefined: done; else why not. The card is one that there is. */
  addForward(card: number, forward: Forward): { readonly detail: string; readonly remedy: string } | undefined;
  /** By protocol, address and port of the host. false: there is none. */
  removeForward(card: number, forward: Forward): boolean;
  stats(): NativeStats;
  /** undefined: it is not paused. Executions are counted with keepDetails. */
  hotBlocks(most: number, order: BlockOrder): NativeHotBlocks | undefined;
  /** Records kinds with a bit in `kinds` from now on; `records` of each CPU are kept. false: it is not paused. */
  startTrace(kinds: number, records: number): boolean;
  /** false: it is not paused. */
  stopTrace(): boolean;
  /** By CPU, how many records there have been; undefined: there is no trace. */
  traceWritten(): number[] | undefined;
  /** From these places on, by CPU; places that are missing are the beginning. undefined: there is no trace. */
  readTrace(positions: readonly number[], most: number): NativeTraceBatch | undefined;
  /** By CPU; empty with the interpreter alone. Only when the machine has stopped. */
  translations(): NativeCode[];
  dtb(): Buffer;
  /** Registers as the monitor shows them; undefined when the machine is not paused, or the CPU is off. */
  cpuState(cpu: number): NativeCpuState | undefined;
  /**
   * RAM and flash from an address on: physical without `cpu`, else as that CPU translates it; shorter where there is none.
   */
  readMemory(address: bigint, length: number, cpu: number | undefined): Buffer;
  /** Likewise into RAM; returns how many bytes were written. */
  writeMemory(address: bigint, data: Uint8Array, cpu: number | undefined): number;
  /** By gdb's name, 128 bits for v0 to v31. false: not paused, or no such register, or none of its values. */
  writeRegister(cpu: number, name: string, value: bigint): boolean;
  /** undefined: there is no debugger any more. */
  setDebuggerPoints(points: NativeDebuggerPoints | undefined): void;
  /** Lets a paused machine go on, each CPU as said; those that nothing is said of run. */
  debuggerResume(actions: readonly NativeDebuggerAction[]): void;
}

export interface AllowedPath {
  readonly path: string;
  /** execute: the program itself; write: to what is there; listen: a folder for sockets; own: a folder for files; share: for all. */
  readonly access: 'read' | 'execute' | 'write' | 'listen' | 'own' | 'share';
}

export interface Addon {
  /** Names of the direct tier's techniques. */
  techniques(): string[];
  hostFeatures(): HostFeature[];
  /** Guest and host code side by side. */
  listBlock(block: NativeBlock, symbols: NativeSymbols): string;
  /** Of an encoding op0:op1:CRn:CRm:op2, 16 bits, as assemblers spell it. */
  systemRegisterName(key: number): string;
  /** Puts the descriptor's terminal settings back should the process crash. */
  guardTerminal(descriptor: number): void;
  /** Holds the lock of a file until this process ends. Empty, or the system's error code: EAGAIN: another holds it. */
  lockFile(path: string): string;
  /** Tells systemd how the service is (sd_notify(3)). Empty, or the system's error code. */
  notifyServiceManager(socket: string, state: string): string;
  /** What saveSnapshot() was given. */
  snapshotDescription(path: string): string;
  /**
   * Gives up every path but these, capabilities and the gaining of privileges, then executes words in this process, which
   * is handed descriptors up to the last one. Returns only the system's error code.
   */
  confineAndExecute(paths: readonly AllowedPath[], words: readonly string[], lastDescriptor: number): string;
  /** Refuses system calls to every thread of this process from now on. Empty, or the system's error code. */
  filterSystemCalls(internet: boolean): string;
  readonly Machine: new (config: NativeMachineConfig, events: NativeMachineEvents) => NativeMachine;
}
