// Domain disk: the disks of a guest, and what it has done with them.
import { type Static, Type } from '@sinclair/typebox';
import { method } from '../declare.js';
import { closed, count, oneOf, VmName } from '../types.js';

export const Disk = Type.Object(
  {
    path: Type.String(),
    format: oneOf(['raw', 'qcow2'], 'Of the file.'),
    bytes: Type.Integer({ minimum: 0, description: 'What the guest sees as its size.' }),
    readonly: Type.Boolean(),
    snapshot: Type.Boolean({ description: 'What is written is thrown away in the end.' }),
    reads: count,
    readBytes: count,
    writes: count,
    writtenBytes: count,
    flushes: count,
    discards: count,
    discardedBytes: count,
    failures: count,
  },
  { ...closed, description: 'A disk, and the requests served since the start of the process.' },
);
export type Disk = Static<typeof Disk>;

export const disk = {
  description: 'The disks of a guest, and what it has done with them. vm.create gives a guest its disks.',
  methods: {
    list: method({
      description: 'The disks of a guest that has a process, the first one first; that of its image among them.',
      role: 'control',
      params: Type.Object({ vm: VmName }, closed),
      result: Type.Object({ disks: Type.Array(Disk) }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'],
    }),
  },
  events: {},
  notices: {},
} as const;
