// Domain cpu: what the CPUs of a guest hold, and where they stop.
import { type Static, Type } from '@sinclair/typebox';
import { event, method } from '../declare.js';
import { address, CpuIndex, closed, Hex, noResult, nullable, oneOf, VmName } from '../types.js';
import { VmStatus } from './vm.js';

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

/** Of one guest. */
export const mostBreakpoints = 256;

export const Points = Type.Object(
  {
    breakpoints: Type.Array(address, {
      maxItems: mostBreakpoints,
      description: 'Virtual addresses of instructions, in whatever address space.',
    }),
    watchpoints: Type.Array(
      Type.Object(
        {
          address,
          length: Type.Integer({ minimum: 1, maximum: 1024 * 1024, description: 'Bytes.' }),
          access: oneOf(['read', 'write', 'both'], 'What is watched for.'),
        },
        closed,
      ),
      { maxItems: mostBreakpoints, description: 'The guest stops before such an access is done.' },
    ),
  },
  closed,
);
export type Points = Static<typeof Points>;

export const Place = Type.Object(
  {
    cpu: CpuIndex,
    pc: nullable(Hex, 'Address of the next instruction; null: the CPU is off.'),
  },
  closed,
);
export type Place = Static<typeof Place>;

export const mostSteps = 1000;

const debugErrors = ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'] as const;

export const cpu = {
  description: 'What the CPUs of a guest hold, and where they stop. The guest sees nothing of breakpoints.',
  methods: {
    registers: method({
      description: 'The registers of a CPU. The guest has to be paused, or that CPU halted.',
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
    halt: method({
      description:
        'Pauses the guest, as vm.pause does, and says where its CPUs stand. With `cpu`, halts that one alone: the others ' +
        'and the clocks go on, and whatever pauses and resumes the guest leaves it halted until cpu.resume or a reset. A ' +
        'kernel that needs an answer of that CPU waits for it.',
      role: 'control',
      params: Type.Object({ vm: VmName, cpu: Type.Optional(CpuIndex) }, closed),
      result: Type.Object({ cpus: Type.Array(Place) }, closed),
      errors: [...debugErrors, 'BEELINE_E_CPU_UNKNOWN'],
    }),
    resume: method({
      description: 'Lets a CPU go on that was halted alone; any other stays as it is. A paused guest stays paused.',
      role: 'control',
      params: Type.Object({ vm: VmName, cpu: CpuIndex }, closed),
      result: VmStatus,
      errors: [...debugErrors, 'BEELINE_E_CPU_UNKNOWN'],
    }),
    step: method({
      description:
        'One CPU of a paused guest executes instructions, with interrupts held back; the others stay where they are. An ' +
        'instruction that takes an exception ends at its vector.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          cpu: Type.Optional(CpuIndex),
          count: Type.Optional(
            Type.Integer({ minimum: 1, maximum: mostSteps, description: 'Instructions (default: 1).' }),
          ),
        },
        closed,
      ),
      result: Place,
      errors: [...debugErrors, 'BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_CPU_OFF'],
    }),
    setBreakpoints: method({
      description:
        'What the guest is to stop at from now on, in place of what was set here before; nothing else is touched, such as ' +
        'what gdb has set. It ends with the process of the guest. cpu.stopped tells; vm.resume goes on.',
      role: 'control',
      params: Type.Object({ vm: VmName, ...Points.properties }, closed),
      result: noResult,
      errors: debugErrors,
    }),
    breakpoints: method({
      description: 'What cpu.setBreakpoints has set.',
      role: 'view',
      params: Type.Object({ vm: VmName }, closed),
      result: Points,
      errors: debugErrors,
    }),
  },
  events: {
    halted: event(
      'A CPU was halted alone.',
      Type.Object({ cpu: CpuIndex, pc: nullable(Hex, 'Where it stands; null: it is off.') }, closed),
    ),
    resumed: event('It goes on, or will when the guest does.', Type.Object({ cpu: CpuIndex }, closed)),
    stopped: event(
      'A CPU has come to a breakpoint, or was about to touch what is watched; the guest is paused.',
      Type.Object(
        {
          cpu: CpuIndex,
          reason: oneOf(['breakpoint', 'read', 'write'], 'Which of them.'),
          pc: Hex,
          address: nullable(Hex, 'The first watched byte that the access would touch.'),
        },
        closed,
      ),
    ),
  },
  notices: {},
} as const;
