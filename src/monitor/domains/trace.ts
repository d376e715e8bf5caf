// Domain trace: what the CPUs of guests go through, one record after the other.
import { type Static, Type } from '@sinclair/typebox';
import { method } from '../declare.js';
import {
  defaultTraceRecords,
  mostTraceEvents,
  mostTraceRecords,
  traceCategories,
  traceKinds,
} from '../trace-limits.js';
import { closed, count, Hex, noResult, nullable, oneOf, Time, VmName } from '../types.js';

const Categories = Type.Array(
  oneOf(
    traceCategories,
    'exceptions: synchronous ones, among them system calls and aborts; interrupts: taken, and acknowledged at the GIC; ' +
      'returns: ERET; calls: PSCI and other calls by HVC; sleeps: WFI and WFE that wait; devices: accesses to devices; ' +
      'maintenance: of TLBs and instruction caches; registers: writes to system registers that say how a CPU ' +
      'executes and translates.',
  ),
  { minItems: 1, maxItems: traceCategories.length, uniqueItems: true },
);

export const TraceSettings = Type.Object(
  {
    categories: Type.Optional({ ...Categories, description: 'What is recorded (default: all but returns).' }),
    records: Type.Optional(
      Type.Integer({
        minimum: 16,
        maximum: mostTraceRecords,
        description: `How many records of each CPU are kept, rounded up to a power of two; 48 bytes each (default: ${defaultTraceRecords}).`,
      }),
    ),
  },
  closed,
);
export type TraceSettings = Static<typeof TraceSettings>;

export const TraceCursor = Type.String({
  maxLength: 1400,
  pattern: '^[0-9]{1,15}(:[0-9]{1,15}){1,64}$',
  description: 'A place in a trace: everything before it has been seen.',
});

const level = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 1, description }));
const hex = (description: string) => Type.Optional({ ...Hex, description });

export const TraceEvent = Type.Object(
  {
    cpu: Type.Integer({ minimum: 0, description: 'Whose.' }),
    number: Type.Integer({
      minimum: 0,
      description: "Of the CPU's records, counted from 0: where one is missing, it was lost.",
    }),
    time: Type.Integer({ minimum: 0, description: 'Time of the guest in nanoseconds, in steps of 16.' }),
    kind: oneOf(traceKinds, 'What it is; which of the others there are follows from it.'),
    name: Type.Optional(
      Type.String({
        description:
          'exception: the class (ESR_EL1.EC); interrupt: irq or fiq; call: the function, when it is known; sleep and wake: wfi or wfe; ' +
          'deviceRead and deviceWrite: the device; maintenance: the operation; register: the register.',
      }),
    ),
    fromEl: level('exception, interrupt: the exception level that was left.'),
    toEl: level('return: the exception level that is entered.'),
    pc: hex('exception, interrupt: where it returns to (ELR_EL1); return: where it goes on.'),
    vector: hex('exception, interrupt: where the CPU goes on.'),
    esr: hex('exception: ESR_EL1.'),
    far: hex('exception: FAR_EL1, where the class sets it.'),
    spsr: hex('return: SPSR_EL1.'),
    intid: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'acknowledge: number of the interrupt; from 1020 to 1023 there was none.',
      }),
    ),
    function: hex('call: its identifier (x0).'),
    arguments: Type.Optional(Type.Array(Hex, { description: 'call: x1 and x2.' })),
    result: hex('call: x0 afterwards.'),
    address: hex('deviceRead, deviceWrite: physical; maintenance: virtual of TLBs, physical of instruction caches.'),
    bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 8, description: 'deviceRead, deviceWrite: size.' })),
    value: hex('deviceRead, deviceWrite, register: what was read or written.'),
    refused: Type.Optional(
      Type.Boolean({ description: 'deviceRead, deviceWrite: nothing is there, or the device takes no such access.' }),
    ),
    asid: Type.Optional(
      Type.Integer({ minimum: 0, description: 'maintenance: the address space, where it is of one.' }),
    ),
    remote: Type.Optional(Type.Boolean({ description: 'maintenance: another CPU asked for it.' })),
  },
  closed,
);
export type TraceEvent = Static<typeof TraceEvent>;

export const TraceStatus = Type.Object(
  {
    tracing: Type.Boolean(),
    since: nullable(Time, 'When it began.'),
    categories: Type.Array(Type.String(), { description: 'What is recorded.' }),
    records: Type.Integer({ minimum: 0, description: 'How many of each CPU are kept.' }),
    written: Type.Array(count, { description: 'By CPU: how many there have been.' }),
  },
  closed,
);

export const TraceRange = Type.Object(
  {
    cursor: Type.Optional({
      ...TraceCursor,
      description: 'Begin here, as the last answer said (default: with the first event that is kept).',
    }),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: mostTraceEvents, description: 'Events at most (default: 500).' }),
    ),
  },
  closed,
);
export type TraceRange = Static<typeof TraceRange>;

export const TracePart = Type.Object(
  {
    events: Type.Array(TraceEvent, { description: 'In the order of guest time.' }),
    cursor: TraceCursor,
    lost: Type.Array(count, {
      description: 'By CPU: events since the cursor that were not kept until now; they are missing in `number`.',
    }),
    more: Type.Boolean({ description: 'There are more already.' }),
  },
  closed,
);

export const traceErrors = ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'] as const;

export const trace = {
  description:
    'What the CPUs of a guest go through, event by event. Each CPU keeps the latest of its own, so that nobody who reads ' +
    'slowly holds a guest up: what was lost is counted. There is one trace of a guest, for any number of readers, each with a cursor ' +
    'of its own. It ends with the process of the guest. A guest that is not traced pays nothing; translated code is the same.',
  methods: {
    start: method({
      description: 'Begins to trace. A guest that runs stands still for a moment.',
      role: 'control',
      params: Type.Object({ vm: VmName, ...TraceSettings.properties }, closed),
      result: TraceStatus,
      errors: [...traceErrors, 'BEELINE_E_TRACE_ON'],
    }),
    stop: method({
      description: 'Ends that, and forgets what was not read. A guest that runs stands still for a moment.',
      role: 'control',
      params: Type.Object({ vm: VmName }, closed),
      result: noResult,
      errors: [...traceErrors, 'BEELINE_E_TRACE_OFF'],
    }),
    status: method({
      description: 'Whether and what is traced.',
      role: 'view',
      params: Type.Object({ vm: VmName }, closed),
      result: TraceStatus,
      errors: traceErrors,
    }),
    read: method({
      description: 'Reads what has been recorded; whoever follows asks again with the cursor of the answer.',
      role: 'view',
      params: Type.Object({ vm: VmName, ...TraceRange.properties }, closed),
      result: TracePart,
      errors: [...traceErrors, 'BEELINE_E_TRACE_OFF', 'BEELINE_E_TRACE_CURSOR'],
    }),
  },
  events: {},
  notices: {},
} as const;
