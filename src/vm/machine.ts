// Makes native machines, and turns what the core refuses into errors of the table.
import { BeelineError, isErrorCode, messageOf } from '../errors.js';
import type { Addon, NativeMachine, NativeMachineConfig, NativeMachineEvents } from '../native/addon.js';

function property(error: unknown, name: string): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}

/** What the core throws has a code of the table and what fills its row; anything else is our own failure. */
export function fromNative(error: unknown): BeelineError {
  const code = property(error, 'code');
  if (!isErrorCode(code)) return new BeelineError('BEELINE_E_MACHINE', { detail: messageOf(error) }, error);
  const names = ['option', 'path', 'expected', 'size', 'memory', 'detail', 'remedy'];
  return new BeelineError(code, Object.fromEntries(names.map((name) => [name, property(error, name)])), error);
}

/** A machine of one CPU with nothing in it, for others to be made of. */
export const plainMachine: NativeMachineConfig = {
  memoryBytes: 1024 ** 3,
  cpus: 1,
  cpuModel: 'n1',
  gicVersion: 3,
  kernel: '',
  initrd: '',
  append: '',
  dtb: '',
  firmware: '',
  firmwareVars: '',
  loads: [],
  drives: [],
  networks: [],
  balloon: 'none',
  shares: [],
  ports: [],
  noReboot: true,
  tier: 'direct',
  disable: [],
  verify: false,
  perfMap: false,
  keepDetails: false,
};

/**
 * Counted guest time: the machine stands still, all of its output having been handed over, until `done`. Who answers to
 * output before the next turn of the event loop needs no exchange of his own.
 */
export type Exchange = (done: () => void) => void;

export function createMachine(
  addon: Addon,
  config: NativeMachineConfig,
  events: Omit<NativeMachineEvents, 'onSerialExchange'>,
  exchange: Exchange = setImmediate,
): NativeMachine {
  try {
    const onSerialExchange = () => exchange(() => machine.serialExchanged());
    const machine = new addon.Machine(config, { ...events, onSerialExchange });
    return machine;
  } catch (error) {
    throw fromNative(error);
  }
}
