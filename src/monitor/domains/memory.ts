// Domain memory: what the memory of a guest holds.
import { Type } from '@sinclair/typebox';
import { method } from '../declare.js';
import { address, CpuIndex, closed, Hex, oneOf, VmName } from '../types.js';

const accessErrors = [
  'BEELINE_E_VM_UNKNOWN',
  'BEELINE_E_VM_STATE',
  'BEELINE_E_VM_PROCESS',
  'BEELINE_E_CPU_UNKNOWN',
  'BEELINE_E_ADDRESS',
] as const;

/** Bytes of one answer. */
export const longestMemoryRead = 64 * 1024;

export const memoryRange = {
  address,
  length: Type.Integer({ minimum: 1, maximum: longestMemoryRead, description: 'Bytes.' }),
  space: Type.Optional(oneOf(['physical', 'virtual'], 'What kind of address (default: virtual).')),
  cpu: Type.Optional(CpuIndex),
} as const;

export const DumpName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
  maxLength: 64,
  description: 'Name of a file: letters, digits and _ . - inside.',
});

/** What can be written at once, in characters of base64: as many bytes. */
const longestWrite = Math.ceil(longestMemoryRead / 3) * 4;

export const memoryBytes = {
  address,
  base64: Type.String({ minLength: 4, maxLength: longestWrite, pattern: '^[A-Za-z0-9+/]+={0,2}$' }),
  space: memoryRange.space,
  cpu: memoryRange.cpu,
} as const;

export const BalloonState = Type.Object(
  {
    bytes: Type.Integer({
      minimum: 0,
      description: 'Of its memory that the guest has left, as far as it has followed.',
    }),
    statistics: Type.Record(Type.String(), Type.Number(), {
      description: 'What the guest last told of its memory, in bytes or events; being asked, it tells anew.',
    }),
  },
  closed,
);

export const memory = {
  description: 'What the memory of a guest holds. Devices are not read: that could change them.',
  methods: {
    read: method({
      description:
        'Reads memory. Virtual addresses are translated as a load of the CPU at its present exception level would be, and need ' +
        'a paused guest; physical ones do not.',
      role: 'view',
      params: Type.Object({ vm: VmName, ...memoryRange }, closed),
      result: Type.Object(
        {
          address: Hex,
          base64: Type.String({ description: 'The bytes: fewer than asked for where what follows is not mapped.' }),
        },
        closed,
      ),
      errors: accessErrors,
    }),
    setBalloon: method({
      description:
        'Has the memory balloon take what the guest has beyond `bytes`; the host gets it back as the guest follows.',
      role: 'control',
      params: Type.Object(
        { vm: VmName, bytes: Type.Integer({ minimum: 0, description: 'That the guest keeps.' }) },
        closed,
      ),
      result: BalloonState,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_BALLOON'],
    }),
    balloon: method({
      description: 'What the memory balloon has done.',
      role: 'view',
      params: Type.Object({ vm: VmName }, closed),
      result: BalloonState,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_BALLOON'],
    }),
    write: method({
      description:
        'Writes memory, with no regard to what the guest protects; code that was there is forgotten. Addresses as for reading.',
      role: 'control',
      params: Type.Object({ vm: VmName, ...memoryBytes }, closed),
      result: Type.Object(
        { written: Type.Integer({ description: 'Bytes: fewer than given where what follows is not mapped.' }) },
        closed,
      ),
      errors: accessErrors,
    }),
    dump: method({
      description:
        'Writes all RAM and the registers of all CPUs into an ELF core file, which gdb reads: physical addresses, a thread a CPU. ' +
        'The guest stands still meanwhile. Files of at most 16 names are kept, in a folder of the guest.',
      role: 'control',
      params: Type.Object({ vm: VmName, name: DumpName }, closed),
      result: Type.Object({ path: Type.String({ description: "On the daemon's host." }) }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_MEMORY_DUMP'],
    }),
  },
  events: {},
  notices: {},
} as const;
