// What a queue carries from those who want pairs measured to those who measure them, and back.
import { type Static, Type } from '@sinclair/typebox';
import { FingerprintSchema } from './fingerprint.js';
import { RunSchema, SubjectSchema } from './result.js';
import { WorkloadSchema } from './workload-schema.js';

const closed = { additionalProperties: false };

export const PairJobSchema = Type.Object(
  {
    schema: Type.Literal('beeline.bench-job.1'),
    batch: Type.String({ minLength: 1, description: 'What was asked for together: a worker warms up once for it.' }),
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'Of the workload.' }),
    workload: WorkloadSchema,
    pair: Type.Integer({ minimum: 0 }),
    subjects: Type.Array(
      Type.Object(
        {
          description: SubjectSchema,
          program: Type.String({ description: "The folder of a clone, or QEMU's command, where the job comes from." }),
        },
        closed,
      ),
    ),
    warmUps: Type.Integer({ minimum: 0 }),
    together: Type.Boolean({ description: 'At the same time on one core.' }),
    icount: Type.Boolean({ description: 'Counted guest time.' }),
  },
  { description: 'One run of every subject, all by the same worker.', ...closed },
);
export type PairJob = Static<typeof PairJobSchema>;

export const PairOutcomeSchema = Type.Object(
  { fingerprint: FingerprintSchema, runs: Type.Array(RunSchema) },
  { description: 'What a worker gives back, and which machine it runs on.', ...closed },
);
export type PairOutcome = Static<typeof PairOutcomeSchema>;

/** Of everything that workers take. */
export const queueName = 'beeline-bench';
