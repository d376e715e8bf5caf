// Domain perf: what guests and their translators do, in numbers.
import { Type } from '@sinclair/typebox';
import { method, notice } from '../declare.js';
import { Counters, closed, count, noResult, Time, VmName } from '../types.js';

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
