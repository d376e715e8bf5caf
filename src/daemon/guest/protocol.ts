// What the daemon and a guest's process say to each other. A process may be older than the daemon that finds it again:
// what is added here must be optional for both.
import { type Static, Type } from '@sinclair/typebox';
import { method } from '../../monitor/declare.js';
import { ConsoleSize } from '../../monitor/domains/console.js';
import { mostSteps, Place, Points, Registers } from '../../monitor/domains/cpu.js';
import { Disk } from '../../monitor/domains/disk.js';
import { BalloonState, DumpName, memoryBytes, memoryRange } from '../../monitor/domains/memory.js';
import { Card, ForwardChange, HostEnd, LinkChange } from '../../monitor/domains/network.js';
import { BlockOrder, HotBlocks, mostHotBlocks, PerfCounters } from '../../monitor/domains/perf.js';
import { TracePart, TraceRange, TraceSettings, TraceStatus } from '../../monitor/domains/trace.js';
import { CpuIndex, closed, noParams, noResult, VmState } from '../../monitor/types.js';

const deviceBus = Type.Union([Type.Literal('mmio'), Type.Literal('pci')]);

/** What is to be run: the file that the daemon leaves in the guest's folder. */
export const StartFile = Type.Object({
  name: Type.String(),
  id: Type.String(),
  /** Number of this start, counted from 1. */
  start: Type.Integer({ minimum: 1 }),
  paused: Type.Boolean(),
  /** Whether a kernel panic ends the guest. */
  endOnPanic: Type.Boolean(),
  /** Whether the process gives up what its guest does not need. */
  sandbox: Type.Optional(Type.Boolean()),
  /** Files below the drives that a confined process may read. */
  backing: Type.Optional(Type.Array(Type.String())),
  config: Type.Object({
    memoryBytes: Type.Integer(),
    cpus: Type.Integer(),
    cpuModel: Type.Union([Type.Literal('n1'), Type.Literal('a57')]),
    gicVersion: Type.Union([Type.Literal(2), Type.Literal(3)]),
    kernel: Type.String(),
    initrd: Type.String(),
    dtb: Type.String(),
    append: Type.String(),
    firmware: Type.String(),
    firmwareVars: Type.String(),
    acpi: Type.Optional(Type.Boolean()),
    loads: Type.Array(Type.Object({ path: Type.String(), address: Type.Integer() })),
    drives: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String(),
          format: Type.Union([Type.Literal('probe'), Type.Literal('raw'), Type.Literal('qcow2')]),
          readonly: Type.Boolean(),
          snapshot: Type.Boolean(),
          at: Type.String(),
          serial: Type.String(),
          aio: Type.Union([Type.Literal('auto'), Type.Literal('io_uring'), Type.Literal('threads')]),
          bus: Type.Optional(deviceBus),
        }),
      ),
    ),
    networks: Type.Optional(
      Type.Array(
        Type.Object({
          kind: Type.Union([Type.Literal('user'), Type.Literal('tap')]),
          mac: Type.String(),
          restrict: Type.Boolean(),
          forwards: Type.Array(
            Type.Object({
              protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]),
              hostAddress: Type.String(),
              hostPort: Type.Integer(),
              guestAddress: Type.String(),
              guestPort: Type.Integer(),
            }),
          ),
          interface: Type.String(),
          bus: Type.Optional(deviceBus),
        }),
      ),
    ),
    balloon: Type.Optional(Type.Union([deviceBus, Type.Literal('none')])),
    shares: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String(),
          tag: Type.String(),
          readonly: Type.Boolean(),
          bus: Type.Optional(deviceBus),
        }),
      ),
    ),
    ports: Type.Optional(
      Type.Array(
        Type.Object({
          console: Type.Boolean(),
          name: Type.String(),
          kind: Type.Union([Type.Literal('socket'), Type.Literal('file'), Type.Literal('serial')]),
          path: Type.String(),
          truncate: Type.Boolean(),
          bus: Type.Optional(deviceBus),
        }),
      ),
    ),
    snapshot: Type.Optional(Type.String()),
    noReboot: Type.Boolean(),
    tier: Type.Union([Type.Literal('interpreter'), Type.Literal('direct')]),
    disable: Type.Array(Type.String()),
    verify: Type.Boolean(),
    perfMap: Type.Boolean(),
    keepDetails: Type.Boolean(),
  }),
});
export type StartFile = Static<typeof StartFile>;

const Status = Type.Object({ state: VmState, start: Type.Integer(), pid: Type.Integer() });

export const guestMethods = {
  status: method({ description: 'Who is there.', role: 'view', params: noParams, result: Status, errors: [] }),
  pause: method({ description: 'Halts the guest.', role: 'control', params: noParams, result: noResult, errors: [] }),
  resume: method({ description: 'Lets it go on.', role: 'control', params: noParams, result: noResult, errors: [] }),
  reset: method({ description: 'Resets it.', role: 'control', params: noParams, result: noResult, errors: [] }),
  powerdown: method({
    description: 'Presses the power button.',
    role: 'control',
    params: noParams,
    result: noResult,
    errors: [],
  }),
  stop: method({ description: 'Ends it.', role: 'control', params: noParams, result: noResult, errors: [] }),
  write: method({
    description: 'Types to its console.',
    role: 'control',
    params: Type.Object({ base64: Type.String() }, closed),
    result: Type.Object({ written: Type.Integer() }),
    errors: ['BEELINE_E_CONSOLE_FULL'],
  }),
  resizeConsole: method({
    description: 'Gives a virtio console its size.',
    role: 'control',
    params: Type.Object({ port: Type.Integer({ minimum: 0 }), ...ConsoleSize.properties }, closed),
    result: noResult,
    errors: ['BEELINE_E_VM_STATE'],
  }),
  registers: method({
    description: 'Registers of a CPU.',
    role: 'view',
    params: Type.Object({ cpu: CpuIndex }, closed),
    result: Registers,
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_CPU_OFF', 'BEELINE_E_VM_STATE'],
  }),
  read: method({
    description: 'Reads its memory.',
    role: 'view',
    params: Type.Object(memoryRange, closed),
    result: Type.Object({ base64: Type.String() }),
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_ADDRESS'],
  }),
  writeMemory: method({
    description: 'Writes its memory.',
    role: 'control',
    params: Type.Object(memoryBytes, closed),
    result: Type.Object({ written: Type.Integer() }),
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_ADDRESS'],
  }),
  balloon: method({
    description: 'Its memory balloon; with `bytes`, how much of its memory it is to have left.',
    role: 'control',
    params: Type.Object({ bytes: Type.Optional(Type.Integer({ minimum: 0 })) }, closed),
    result: BalloonState,
    errors: ['BEELINE_E_BALLOON'],
  }),
  halt: method({
    description: 'Pauses it or one CPU, and says where it stands.',
    role: 'control',
    params: Type.Object({ cpu: Type.Optional(CpuIndex) }, closed),
    result: Type.Object({ cpus: Type.Array(Place) }),
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_VM_STATE'],
  }),
  releaseCpu: method({
    description: 'Lets one CPU go on.',
    role: 'control',
    params: Type.Object({ cpu: CpuIndex }, closed),
    result: noResult,
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_VM_STATE'],
  }),
  step: method({
    description: 'Steps a CPU.',
    role: 'control',
    params: Type.Object({ cpu: CpuIndex, count: Type.Integer({ minimum: 1, maximum: mostSteps }) }, closed),
    result: Place,
    errors: ['BEELINE_E_CPU_UNKNOWN', 'BEELINE_E_CPU_OFF', 'BEELINE_E_VM_STATE'],
  }),
  setBreakpoints: method({
    description: 'What to stop at for the monitor.',
    role: 'control',
    params: Points,
    result: noResult,
    errors: ['BEELINE_E_VM_STATE'],
  }),
  breakpoints: method({
    description: 'What that is.',
    role: 'view',
    params: noParams,
    result: Points,
    errors: ['BEELINE_E_VM_STATE'],
  }),
  saveSnapshot: method({
    description: 'Writes all of it to a file.',
    role: 'control',
    params: Type.Object({ path: Type.String() }, closed),
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_SNAPSHOT', 'BEELINE_E_FILE_UNWRITABLE'],
  }),
  loadSnapshot: method({
    description: 'Goes on from such a file.',
    role: 'control',
    params: Type.Object({ path: Type.String() }, closed),
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_SNAPSHOT', 'BEELINE_E_FILE_UNREADABLE'],
  }),
  dump: method({
    description: 'Writes its memory to a file of its folder.',
    role: 'control',
    params: Type.Object({ name: DumpName }, closed),
    result: Type.Object({ path: Type.String() }),
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_MEMORY_DUMP'],
  }),
  disks: method({
    description: 'Its disks.',
    role: 'view',
    params: noParams,
    result: Type.Object({ disks: Type.Array(Disk) }),
    errors: [],
  }),
  cards: method({
    description: 'Its network cards.',
    role: 'view',
    params: noParams,
    result: Type.Object({ cards: Type.Array(Card) }),
    errors: [],
  }),
  addForward: method({
    description: 'Forwards a port to it.',
    role: 'admin',
    params: ForwardChange,
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_CARD_UNKNOWN', 'BEELINE_E_FORWARD'],
  }),
  removeForward: method({
    description: 'Ends that.',
    role: 'admin',
    params: HostEnd,
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_CARD_UNKNOWN', 'BEELINE_E_FORWARD_UNKNOWN'],
  }),
  setLink: method({
    description: 'Takes the cable of a card out, or puts it in.',
    role: 'control',
    params: LinkChange,
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_CARD_UNKNOWN'],
  }),
  hotBlocks: method({
    description: 'Its translated blocks that matter most.',
    role: 'control',
    params: Type.Object({ top: Type.Integer({ minimum: 1, maximum: mostHotBlocks }), by: BlockOrder }, closed),
    result: HotBlocks,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_BLOCKS_UNCOUNTED'],
  }),
  startTrace: method({
    description: 'Begins to trace it.',
    role: 'control',
    params: TraceSettings,
    result: TraceStatus,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_TRACE_ON'],
  }),
  stopTrace: method({
    description: 'Ends that.',
    role: 'control',
    params: noParams,
    result: noResult,
    errors: ['BEELINE_E_VM_STATE', 'BEELINE_E_TRACE_OFF'],
  }),
  traceStatus: method({ description: 'Its trace.', role: 'view', params: noParams, result: TraceStatus, errors: [] }),
  readTrace: method({
    description: 'Reads its trace.',
    role: 'view',
    params: TraceRange,
    result: TracePart,
    errors: ['BEELINE_E_TRACE_OFF', 'BEELINE_E_TRACE_CURSOR'],
  }),
  counters: method({
    description: 'Its counters.',
    role: 'view',
    params: noParams,
    result: PerfCounters,
    errors: [],
  }),
} as const;
export type MemoryRange = Static<(typeof guestMethods)['read']['params']>;
export type MemoryBytes = Static<(typeof guestMethods)['writeMemory']['params']>;
export type GuestMethod = keyof typeof guestMethods;

/** Notifications of the process: there is something new in its files. */
export const guestNotices = ['console', 'event'] as const;
export type GuestNotice = (typeof guestNotices)[number];

/** A line of the guest's own journal. */
export const GuestEvent = Type.Object({
  seq: Type.Integer({ minimum: 1 }),
  time: Type.String(),
  event: Type.String(),
  data: Type.Unknown(),
});
export type GuestEvent = Static<typeof GuestEvent>;

export const guestJournalLimits = { segmentBytes: 256 * 1024, segmentsKept: 4 } as const;

/** What the process says on descriptor 3 when it has begun, or could not: one line of JSON. */
export const Readiness = Type.Union([
  Type.Object({ ready: Type.Literal(true) }),
  Type.Object({
    ready: Type.Literal(false),
    code: Type.String(),
    details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  }),
]);
export type Readiness = Static<typeof Readiness>;
export const readinessDescriptor = 3;
