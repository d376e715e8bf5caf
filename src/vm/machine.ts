// Makes native machines, and turns what the core refuses into errors of the table.
import { BeelineError, isErrorCode, messageOf } from '../errors.js';
import type { Addon, NativeMachine, NativeMachineConfig, NativeMachineEvents } from '../native/addon.js';

function property(error: unknown, name: string): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : '';
}

/** What the core throws carries a code, the option concerned and a message; unknown codes are our own failure. */
export function fromNative(error: unknown): BeelineError {
  const code = property(error, 'code');
  const option = property(error, 'option');
  const detail = messageOf(error);
  if (!isErrorCode(code)) return new BeelineError('BEELINE_E_MACHINE', { detail }, error);
  return new BeelineError(code, { option, detail, path: property(error, 'path'), remedy: property(error, 'remedy') }, error);
}

export function createMachine(addon: Addon, config: NativeMachineConfig, events: NativeMachineEvents): NativeMachine {
  try {
    return new addon.Machine(config, events);
  } catch (error) {
    throw fromNative(error);
  }
}
