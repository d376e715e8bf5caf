// What QMP needs of whoever runs a machine: a guest's process of the daemon, or `beeline run`.
import type { NativeMachineConfig, NativeStats } from '../native/addon.js';
import type { MachineDebugger } from '../vm/debugger.js';
import type { PanicAction } from '../vm/outcome.js';
import type { RunState } from './commands.js';

export interface QmpChardev {
  readonly label: string;
  readonly filename: string;
  readonly 'frontend-open': boolean;
}

export type QmpMachineConfig = Pick<
  NativeMachineConfig,
  'memoryBytes' | 'cpus' | 'cpuModel' | 'gicVersion' | 'kernel' | 'initrd' | 'dtb' | 'append' | 'firmware' | 'drives'
>;

/** Whole guests under names; what cannot be done rejects. */
export interface QmpSnapshots {
  save(name: string): Promise<void>;
  load(name: string): Promise<void>;
  delete(name: string): void;
}

export interface QmpHost {
  readonly name: string | undefined;
  readonly uuid: string;
  readonly config: QmpMachineConfig;
  readonly chardevs: readonly QmpChardev[];
  readonly runState: RunState;
  /** Registers and memory. */
  readonly debugger: MachineDebugger;
  pause(): void;
  resume(): void;
  reset(): void;
  powerdown(): void;
  /** Ends the guest; the answer to a client that asked leaves first. */
  quit(): void;
  stats(): NativeStats;
  dtb(): Buffer;
  /** Of the guest's memory that it is to keep; false: there is no balloon. */
  setBalloon(bytes: number): boolean;
  /** What it has left; undefined: there is no balloon. */
  balloon(): number | undefined;
  setPanicAction(action: PanicAction): void;
  /** Whether the guest may reset itself, or ends with that. */
  setReboot(mayReboot: boolean): void;
  /** undefined: there is no place for snapshots. */
  readonly snapshots: QmpSnapshots | undefined;
  /** Opens a file for writing that a client has named; throws where clients may not write. Returns the descriptor. */
  createFile(path: string): number;
}
