// bench/workloads/NAME/workload.yaml: the schema first, the types derived from it.
import { type Static, Type } from '@sinclair/typebox';

const closed = { additionalProperties: false };
const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' });
const Regex = Type.String({
  minLength: 1,
  description: 'A JavaScript regular expression in multi-line mode. Escape sequences of terminals are left out before.',
});

const PhaseSchema = Type.Object(
  {
    name: Name,
    send: Type.Optional(Type.String({ minLength: 1, description: 'What is typed when the phase begins.' })),
    until: Type.Intersect([Regex], { description: 'The landmark: what the console shows when the phase is over.' }),
    expect: Type.Optional(
      Type.Intersect([Regex], {
        description: 'What the console has to show in this phase, landmark included; otherwise the output is wrong.',
      }),
    ),
  },
  { description: 'From the landmark before (or the start of the machine) to its own.', ...closed },
);

export const measures = ['wall', 'cpu', 'memory', 'instructions', 'counters'] as const;
export type Measure = (typeof measures)[number];

export const WorkloadSchema = Type.Object(
  {
    title: Type.String({ minLength: 1, description: 'One line for people.' }),
    tags: Type.Optional(
      Type.Array(Name, { description: 'Names that select it too; those tagged long run only when selected.' }),
    ),
    image: Type.String({ minLength: 1, description: 'Guest image, as `beeline run` takes it.' }),
    kern: Type.Optional(
      Type.Boolean({
        description: "Put the program of bench/workloads into the root folder of the image's initramfs.",
      }),
    ),
    script: Type.Optional(
      Type.String({ pattern: '^#!', description: "The guest's first process, in place of that of its initramfs." }),
    ),
    append: Type.Optional(Type.String({ description: "Added to the image's kernel command line." })),
    memory: Type.Optional(Type.String({ description: "As --memory takes it; otherwise the image's, or 1G." })),
    cpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: "Otherwise the image's, or 1." })),
    disk: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]*[MG]$', description: "An empty disk of this size, behind the image's own." }),
    ),
    phases: Type.Array(PhaseSchema, { minItems: 1 }),
    never: Type.Optional(
      Type.Array(Regex, { description: 'What no phase may show. A panic of the kernel is always wrong.' }),
    ),
    ends: Type.Optional(
      Type.Union([Type.Literal('landmark'), Type.Literal('poweroff')], {
        description: 'landmark (default): the last landmark ends the run. poweroff: the guest powers off after it.',
      }),
    ),
    measure: Type.Optional(
      Type.Array(Type.Union(measures.map((measure) => Type.Literal(measure))), {
        minItems: 1,
        description: 'What is recorded; all of it otherwise.',
      }),
    ),
    timeout: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86400, description: 'Seconds that one phase may take; 120 otherwise.' }),
    ),
  },
  {
    $id: 'beeline.workload.1',
    title: 'Beeline workload',
    description: 'bench/workloads/NAME/workload.yaml.',
    ...closed,
  },
);
export type WorkloadDefinition = Static<typeof WorkloadSchema>;
export type Phase = Static<typeof PhaseSchema>;
