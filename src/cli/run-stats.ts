// What --stats writes: the schema first, the type derived from it.
import { type Static, Type } from '@sinclair/typebox';

const closed = { additionalProperties: false };
const seconds = Type.Number({ minimum: 0 });
const count = Type.Integer({ minimum: 0 });
const Counters = Type.Record(Type.String(), count);

const Translation = Type.Object(
  {
    blocks: Type.Integer({ minimum: 0, description: 'Translated, again and again included.' }),
    instructions: Type.Integer({ minimum: 0, description: 'Guest instructions translated.' }),
    hostBytes: Type.Integer({ minimum: 0, description: 'Host code made of them.' }),
    seconds: Type.Number({ minimum: 0, description: 'Spent translating.' }),
    instructionsPerSecond: Type.Number({ minimum: 0, description: 'Guest instructions translated a second.' }),
    entries: Type.Integer({ minimum: 0, description: 'Times that translated code was entered from the run loop.' }),
    links: Type.Integer({ minimum: 0, description: 'Direct branches patched to their target.' }),
    invalidated: Type.Integer({ minimum: 0, description: 'Blocks whose guest code changed.' }),
    evicted: Type.Integer({ minimum: 0, description: 'Blocks that made room for others.' }),
    siteMisses: Type.Integer({ minimum: 0, description: 'Accesses that their site cache did not answer.' }),
  },
  { ...closed, description: 'The direct tier, all CPUs together.' },
);

const Switches = Type.Object(
  {
    total: count,
    perMillionInstructions: Type.Number({ minimum: 0, description: 'Of those that translated code executed.' }),
    causes: Type.Record(Type.String(), count, { description: 'How often for each cause.' }),
  },
  { ...closed, description: 'Switches out of translated code, all CPUs together.' },
);

export const RunStatsSchema = Type.Object(
  {
    schema: Type.Literal('beeline.run-stats.1', { description: 'Name and version of this format.' }),
    version: Type.String({ description: 'Version of Beeline.' }),
    host: Type.Object(
      {
        name: Type.String(),
        cpu: Type.String({ description: 'Model name of the host CPU.' }),
        cores: Type.Integer({ minimum: 1 }),
      },
      closed,
    ),
    machine: Type.Object(
      {
        image: Type.Union([Type.String(), Type.Null()]),
        kernel: Type.String(),
        initrd: Type.Union([Type.String(), Type.Null()]),
        dtb: Type.Union([Type.String(), Type.Null()]),
        append: Type.String(),
        firmware: Type.Union([Type.String(), Type.Null()]),
        memoryBytes: count,
        cpus: Type.Integer({ minimum: 1 }),
        cpu: Type.Union([Type.Literal('n1'), Type.Literal('a57')]),
        gic: Type.Union([Type.Literal(2), Type.Literal(3)]),
        tier: Type.Union([Type.Literal('interpreter'), Type.Literal('direct')]),
        icount: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
          description: "Counted guest time: log2 of the nanoseconds that an instruction takes. null: the host's time.",
        }),
        disabled: Type.Array(Type.String(), { description: 'Techniques of the direct tier that were switched off.' }),
      },
      closed,
    ),
    outcome: Type.Object(
      {
        reason: Type.Union(
          (['poweroff', 'until', 'reset', 'timeout', 'panic', 'quit', 'signal', 'failure', 'job'] as const).map(
            (reason) => Type.Literal(reason),
          ),
        ),
        detail: Type.String(),
        status: Type.Integer({ minimum: 0, maximum: 255, description: 'Exit status of the command.' }),
      },
      closed,
    ),
    time: Type.Object(
      {
        startedAt: Type.String({ description: 'ISO 8601, UTC.' }),
        totalSeconds: seconds,
        firstOutputSeconds: Type.Union([seconds, Type.Null()], {
          description: 'From the start of the machine to the first byte on its console; null if none came.',
        }),
        untilSeconds: Type.Union([seconds, Type.Null()], {
          description: 'From the start of the machine to the match of --until; null if there was none.',
        }),
        createSeconds: Type.Union([seconds, Type.Null()], {
          description: 'Making the machine and loading its files, before its start; null if unknown.',
        }),
      },
      closed,
    ),
    guest: Type.Object(
      {
        instructions: Type.Integer({ minimum: 0, description: 'Retired by all CPUs.' }),
        instructionsByTier: Type.Object({ interpreter: count, direct: count }, closed),
        instructionsPerSecond: Type.Number({ minimum: 0, description: 'Over the whole time, waiting included.' }),
        consoleBytes: Type.Integer({ minimum: 0, description: 'Written by the guest to its serial port.' }),
      },
      closed,
    ),
    translation: Type.Union([Translation, Type.Null()], { description: 'null with the interpreter alone.' }),
    switches: Type.Union([Switches, Type.Null()], { description: 'null with the interpreter alone.' }),
    counters: Type.Object(
      {
        total: Counters,
        cpus: Type.Array(Counters, { description: 'One entry a CPU.' }),
        board: Counters,
      },
      closed,
    ),
  },
  {
    $id: 'beeline.run-stats.1',
    title: 'Beeline run statistics',
    description: 'What `beeline run --stats` writes.',
    ...closed,
  },
);

export type RunStats = Static<typeof RunStatsSchema>;
