// Domain cpu: what the CPUs of a paused guest hold.
import { type Static, Type } from '@sinclair/typebox';
import { method } from '../declare.js';
import { CpuIndex, closed, Hex, VmName } from '../types.js';

export const Registers = Type.Object(
  {
    el: Type.Integer({ minimum: 0, maximum: 1, description: 'Exception level.' }),
    pc: Hex,
    sp: Type.String({ description: 'The stack pointer in use.' }),
    pstate: Type.String({ description: 'As it would be saved to SPSR_EL1.' }),
    fpcr: Hex,
    fpsr: Hex,
    x: Type.Array(Hex, { description: 'x0 to x30.' }),
    v: Type.Array(Hex, { description: 'v0 to v31, 128 bits each.' }),
    system: Type.Record(Type.String(), Hex, { description: 'System registers by their architectural names.' }),
  },
  closed,
);
export type Registers = Static<typeof Registers>;

export const cpu = {
  description: 'What the CPUs of a paused guest hold.',
  methods: {
    registers: method({
      description: 'The registers of a CPU. The guest has to be paused.',
      role: 'view',
      params: Type.Object({ vm: VmName, cpu: Type.Optional(CpuIndex) }, closed),
      result: Registers,
      errors: [
        'BEELINE_E_VM_UNKNOWN',
        'BEELINE_E_VM_STATE',
        'BEELINE_E_VM_PROCESS',
        'BEELINE_E_CPU_UNKNOWN',
        'BEELINE_E_CPU_OFF',
      ],
    }),
  },
  events: {},
  notices: {},
} as const;
