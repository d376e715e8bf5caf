// What a performance regression run leaves behind: the schema first, the types derived from it.
import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { EnvironmentSchema } from '../bench/results.js';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { type Fingerprint, FingerprintSchema } from './fingerprint.js';
import type { Metric } from './metrics.js';

const closed = { additionalProperties: false };
const seconds = Type.Number({ minimum: 0 });
const count = Type.Number({ minimum: 0 });

const Amounts = {
  wallSeconds: Type.Optional(seconds),
  cpuSeconds: Type.Optional(
    Type.Number({ minimum: 0, description: "User and system time of the emulator's process, all threads." }),
  ),
  instructions: Type.Optional(Type.Number({ minimum: 0, description: 'Guest instructions retired by all CPUs.' })),
  counters: Type.Optional(Type.Record(Type.String(), count, { description: 'By how much counters went up.' })),
};

const PhaseResultSchema = Type.Object({ name: Type.String(), ...Amounts }, closed);
export type PhaseResult = Static<typeof PhaseResultSchema>;

const TotalSchema = Type.Object(
  { ...Amounts, peakMemoryBytes: Type.Optional(count) },
  { description: 'All phases; instructions and counters up to the end of the guest.', ...closed },
);
export type Total = Static<typeof TotalSchema>;

export const failureKinds = [
  'landmark-missed',
  'wrong-output',
  'guest-panic',
  'guest-ended',
  'not-started',
  'qemu-missing',
  'queue-lost',
] as const;
export type FailureKind = (typeof failureKinds)[number];

const place = {
  workload: Type.String(),
  subject: Type.String(),
  pair: Type.Integer({ minimum: 0, description: 'What has the same number was measured next to each other.' }),
  machine: Type.Optional(Type.String({ description: 'Of `machines`, which one measured it.' })),
};

const DoneRunSchema = Type.Object(
  { ...place, status: Type.Literal('done'), phases: Type.Array(PhaseResultSchema), total: TotalSchema },
  closed,
);
export type DoneRun = Static<typeof DoneRunSchema>;

const FailedRunSchema = Type.Object(
  {
    ...place,
    status: Type.Literal('failed'),
    kind: Type.Union(failureKinds.map((kind) => Type.Literal(kind))),
    phase: Type.Union([Type.String(), Type.Null()], { description: 'Where it happened; null before the first one.' }),
    detail: Type.String(),
  },
  { description: 'A run that has no times.', ...closed },
);
export type FailedRun = Static<typeof FailedRunSchema>;
export const RunSchema = Type.Union([DoneRunSchema, FailedRunSchema]);
export type Run = Static<typeof RunSchema>;

export const SubjectSchema = Type.Object(
  {
    name: Type.String(),
    kind: Type.Union([Type.Literal('beeline'), Type.Literal('qemu')]),
    revision: Type.String({ description: 'Version, and commit where it is known.' }),
    disabled: Type.Array(Type.String(), { description: 'Techniques that are switched off.' }),
  },
  closed,
);
export type SubjectDescription = Static<typeof SubjectSchema>;

/** Subjects: the Beeline that is judged, and the one that it is compared with. */
export const headName = 'head';
export const baseName = 'base';

export const RunResultSchema = Type.Object(
  {
    schema: Type.Literal('beeline.bench-run.1'),
    id: Type.String({ minLength: 1 }),
    startedAt: Type.String({ description: 'ISO 8601, UTC.' }),
    purpose: Type.Union(
      [Type.Literal('measure'), Type.Literal('calibrate'), Type.Literal('ablation'), Type.Literal('bisect')],
      {
        description:
          'calibrate: the same thing measured twice, to learn how much noise there is. ablation: without one technique after the other, to learn what each is worth. bisect: a step of a search for the revision that made something slower.',
      },
    ),
    environment: EnvironmentSchema,
    fingerprint: FingerprintSchema,
    machines: Type.Optional(
      Type.Array(FingerprintSchema, { minItems: 2, description: 'All, where workers on several have measured.' }),
    ),
    icount: Type.Boolean({ description: 'Whether guest time was counted in instructions.' }),
    together: Type.Optional(
      Type.Boolean({
        description:
          'Pairs ran at the same time on one core of the host where the guest has one CPU: without wall time.',
      }),
    ),
    interrupted: Type.Boolean(),
    subjects: Type.Array(SubjectSchema),
    runs: Type.Array(RunSchema),
  },
  {
    $id: 'beeline.bench-run.1',
    title: 'Result of a performance regression run',
    description: 'What `beeline bench run --json` writes.',
    ...closed,
  },
);
export type RunResult = Static<typeof RunResultSchema>;

/** Reads a file of --json. Throws BEELINE_E_BENCH_RESULT. */
export function readResult(path: string): RunResult {
  const refuse = (detail: string, cause?: unknown) =>
    new BeelineError('BEELINE_E_BENCH_RESULT', { path, detail }, cause);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refuse(systemCode(error) ?? messageOf(error), error);
  }
  if (!Value.Check(RunResultSchema, value)) {
    const first = Value.Errors(RunResultSchema, value).First();
    throw refuse(`it is no result of beeline bench run (${first?.path ?? ''}: ${first?.message ?? ''})`);
  }
  return value;
}

/** Whether pairs ran at the same time on one core: other CPU times are not to be compared with theirs. */
export function isTogether({ together = false }: Pick<RunResult, 'together'>): boolean {
  return together;
}

export function metricOf({ total }: Pick<DoneRun, 'total'>, metric: Metric): number | undefined {
  switch (metric) {
    case 'wall':
      return total.wallSeconds;
    case 'cpu':
      return total.cpuSeconds;
    case 'instructions':
      return total.instructions;
    case 'memory':
      return total.peakMemoryBytes;
  }
}

export function doneRuns({ runs }: Pick<RunResult, 'runs'>, workload: string, subject: string): DoneRun[] {
  return runs.filter(
    (run): run is DoneRun => run.status === 'done' && run.workload === workload && run.subject === subject,
  );
}

export function failedRuns({ runs }: Pick<RunResult, 'runs'>): FailedRun[] {
  return runs.filter((run): run is FailedRun => run.status === 'failed');
}

/** All that have measured. */
export function machinesOf({ fingerprint, machines = [fingerprint] }: RunResult): readonly Fingerprint[] {
  return machines;
}

/** A result of several machines as one of each, so that histories hold what can be compared. */
export function byMachine(result: RunResult): RunResult[] {
  const { machines, ...common } = result;
  if (machines === undefined) return [result];
  return machines.map((fingerprint, index) => {
    // What nobody has measured counts on the first.
    const runs = result.runs.filter(({ machine = machines[0]?.id }) => machine === fingerprint.id);
    return { ...common, id: `${result.id}-${index + 1}`, fingerprint, runs };
  });
}

/** In the order of the first run. */
export function workloadsOf(result: Pick<RunResult, 'runs'>): string[] {
  return [...new Set(result.runs.map((run) => run.workload))];
}

/** Values by pair. */
export function valuesOf(
  result: Pick<RunResult, 'runs'>,
  workload: string,
  subject: string,
  metric: Metric,
): ReadonlyMap<number, number> {
  const values = new Map<number, number>();
  for (const run of doneRuns(result, workload, subject)) {
    const value = metricOf(run, metric);
    if (value !== undefined) values.set(run.pair, value);
  }
  return values;
}
