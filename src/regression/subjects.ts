// What workloads are run on: a Beeline of some clone, or QEMU.
import { startMachine } from '../bench/beeline-guest.js';
import { describeRevision } from '../bench/environment.js';
import type { GuestProcess } from '../bench/guest-process.js';
import { type Qemu, startQemu } from '../bench/qemu.js';
import { plainMachine } from '../vm/machine.js';
import type { Machine } from './machine.js';
import type { SubjectDescription } from './result.js';

export interface Subject {
  readonly description: SubjectDescription;
  /** What it takes to make it: the folder of a clone, or QEMU's command. */
  readonly program: string;
  /** On one core of the host where it is given, which QEMU cannot be. */
  start(machine: Machine, core?: number): GuestProcess;
}

export interface BeelineSubject {
  readonly name: string;
  /** The folder of the clone, which is built. */
  readonly root: string;
  readonly disabled: readonly string[];
  /** Counted guest time. */
  readonly icount?: boolean;
}

export function beelineSubject({ name, root, disabled, icount = false }: BeelineSubject): Subject {
  return {
    description: { name, kind: 'beeline', revision: describeRevision(root), disabled: [...disabled] },
    program: root,
    start: ({ memory, ...machine }, core) =>
      startMachine(
        { ...plainMachine, ...machine, memoryBytes: memory, disable: disabled, ...(icount && { icount: 0 }) },
        root,
        core,
      ),
  };
}

export function qemuSubject(qemu: Qemu): Subject {
  return {
    description: { name: 'QEMU', kind: 'qemu', revision: qemu.version, disabled: [] },
    program: qemu.command,
    start: (machine) =>
      startQemu(qemu, machine, {
        ...machine,
        drives: machine.drives.map(({ path, format }) => ({ path, format: format === 'raw' ? 'raw' : 'qcow2' })),
      }),
  };
}
