// An image's disk as a drive of a machine.
import type { Drive } from '../native/addon.js';

/** What is written to it is thrown away. */
export function imageDrive(path: string): Drive {
  return { path, format: 'qcow2', readonly: false, snapshot: true, at: '', serial: '', aio: 'auto' };
}
