// Domain perf: what guests and their translators do, in numbers.
import { Type } from '@sinclair/typebox';
import { method, notice } from '../declare.js';
import { Counters, CpuIndex, closed, count, noResult, oneOf, Time, VmName } from '../types.js';

export const PerfCounters = Type.Object(
  {
    elapsedSeconds: Type.Number({ minimum: 0, description: 'Since the start of the machine.' }),
    cpus: Type.Array(Counters, { description: 'One entry a CPU; `instructions` is among them.' }),
    direct: Type.Array(Counters, {
      description: 'What the direct tier of each CPU did; empty with the interpreter alone.',
    }),
    switches: Type.Array(Counters, { description: 'Switches out of translated code by cause, likewise.' }),
    board: Counters,
  },
  closed,
);

export const mostHotBlocks = 1000;

const HotBlock = Type.Object(
  {
    cpu: CpuIndex,
    pc: Type.String({ description: 'Guest virtual address that it was translated for.' }),
    pa: Type.String({ description: 'Guest physical address.' }),
    el: Type.Integer({ minimum: 0, maximum: 1, description: 'Exception level.' }),
    inUse: Type.Boolean({ description: 'false: invalidated or replaced.' }),
    executions: Type.Integer({ minimum: 0, description: 'Times that it was entered.' }),
    instructions: Type.Integer({ minimum: 0, description: 'Of the guest, in it.' }),
    bytes: Type.Integer({ minimum: 0, description: 'Of host code.' }),
  },
  closed,
);

export const BlockOrder = oneOf(
  ['instructions', 'executions', 'bytes'],
  'What is most of the first: guest instructions executed (the default; an execution that leaves early counts as a whole one), executions, or bytes of host code.',
);

export const HotBlocks = Type.Object(
  {
    count: Type.Integer({ minimum: 0, description: 'Blocks that there are.' }),
    instructions: Type.Number({ minimum: 0, description: 'Executed in all of them.' }),
    bytes: Type.Integer({ minimum: 0, description: 'Of host code in all of them.' }),
    blocks: Type.Array(HotBlock, { maxItems: mostHotBlocks, description: 'The first ones.' }),
  },
  closed,
);

const Subscription = Type.Integer({ minimum: 1, maximum: 0xffff_ffff });

export const perf = {
  description: 'What guests and their translators do, in numbers.',
  methods: {
    counters: method({
      description: 'The counters of a guest that has a process.',
      role: 'view',
      params: Type.Object({ vm: VmName }, closed),
      result: PerfCounters,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS'],
    }),
    hotBlocks: method({
      description:
        'The translated blocks that matter most, of a guest that was made with countBlocks. Blocks that have made room ' +
        'for others are not among them. A guest that runs stands still for a moment.',
      role: 'control',
      params: Type.Object(
        {
          vm: VmName,
          top: Type.Optional(
            Type.Integer({ minimum: 1, maximum: mostHotBlocks, description: 'How many (default: 20).' }),
          ),
          by: Type.Optional(BlockOrder),
        },
        closed,
      ),
      result: HotBlocks,
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_VM_STATE', 'BEELINE_E_VM_PROCESS', 'BEELINE_E_BLOCKS_UNCOUNTED'],
    }),
    subscribe: method({
      description: 'Sends the counters of a guest at an interval, while it has a process.',
      role: 'view',
      params: Type.Object(
        { vm: VmName, interval: Type.Number({ minimum: 0.2, maximum: 3600, description: 'Seconds.' }) },
        closed,
      ),
      result: Type.Object({ subscription: Subscription }, closed),
      errors: ['BEELINE_E_VM_UNKNOWN', 'BEELINE_E_STREAM_LIMIT'],
    }),
    unsubscribe: method({
      description: 'Ends that.',
      role: 'view',
      params: Type.Object({ subscription: Subscription }, closed),
      result: noResult,
      errors: ['BEELINE_E_STREAM_UNKNOWN'],
    }),
  },
  events: {},
  notices: {
    sample: notice(
      'Counters of a guest. A viewer that reads slowly gets fewer.',
      Type.Object(
        { subscription: Subscription, vm: VmName, time: Time, skipped: count, counters: PerfCounters },
        closed,
      ),
    ),
  },
} as const;
