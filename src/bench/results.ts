// What a run of the benchmarks leaves behind: a JSON file of this schema.
import { type Static, Type } from '@sinclair/typebox';

const Round = Type.Integer({ minimum: 0 });

const SubjectSchema = Type.Object({
  name: Type.String(),
  kind: Type.Union([
    Type.Literal('native'),
    Type.Literal('qemu'),
    Type.Literal('beeline'),
    Type.Literal('variant', { description: 'Beeline with techniques switched off, to learn what they are worth.' }),
  ]),
  disabled: Type.Array(Type.String(), { description: 'Techniques that are switched off.' }),
});
/** Something that runs workloads: this host, QEMU, an execution tier of Beeline, a variant of one. */
export type SubjectDescription = Static<typeof SubjectSchema>;

const MeasurementSchema = Type.Object({
  workload: Type.String(),
  subject: Type.String(),
  round: Round,
  seconds: Type.Number({ minimum: 0, description: 'By the clock of the guest, as the workload prints them.' }),
  wallSeconds: Type.Number({ minimum: 0, description: 'By the clock of the host.' }),
  checksum: Type.String(),
  counters: Type.Optional(
    Type.Record(Type.String(), Type.Number(), { description: 'By how much the counters of the machine went up.' }),
  ),
});
export type Measurement = Static<typeof MeasurementSchema>;

const FailureSchema = Type.Object({
  workload: Type.String({ description: 'Empty when the guest did not boot.' }),
  subject: Type.String(),
  round: Round,
  reason: Type.String(),
});
export type Failure = Static<typeof FailureSchema>;

const BootSchema = Type.Object({
  subject: Type.String(),
  round: Round,
  wallSeconds: Type.Number({ minimum: 0, description: 'From starting the emulator to the prompt of the shell.' }),
});
export type Boot = Static<typeof BootSchema>;

export const EnvironmentSchema = Type.Object({
  date: Type.String({ description: 'ISO 8601, of the beginning.' }),
  host: Type.String(),
  cpu: Type.String(),
  cores: Type.Integer({ minimum: 1 }),
  kernel: Type.String(),
  node: Type.String(),
  beeline: Type.String({ description: 'Version, and commit where it is known.' }),
  qemu: Type.Optional(Type.Object({ command: Type.String(), version: Type.String(), arguments: Type.String() })),
});
export type Environment = Static<typeof EnvironmentSchema>;

export const ResultsSchema = Type.Object(
  {
    schema: Type.Literal('beeline.bench-results.1'),
    environment: EnvironmentSchema,
    rounds: Type.Integer({ minimum: 1 }),
    interrupted: Type.Boolean(),
    subjects: Type.Array(SubjectSchema),
    measurements: Type.Array(MeasurementSchema),
    failures: Type.Array(FailureSchema),
    boots: Type.Array(BootSchema),
  },
  { $id: 'beeline.bench-results.1', title: 'Beeline benchmark results', description: 'What npm run bench measured.' },
);
export type Results = Static<typeof ResultsSchema>;
