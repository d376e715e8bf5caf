// The commands and events of QMP that are served, each declared once: names and shapes are QEMU's (QEMU QMP Reference
// Manual), so that its clients work as they are.
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import { closed, oneOf } from '../monitor/types.js';

export const runStates = ['prelaunch', 'running', 'paused', 'shutdown', 'guest-panicked', 'internal-error'] as const;
export type RunState = (typeof runStates)[number];

const none = Type.Object({}, closed);
const nothing = Type.Object({});

interface CommandDeclaration {
  readonly arguments: TObject;
  readonly returns: TSchema;
  /** Whether it may be executed out of band. */
  readonly oob: boolean;
}

function query<R extends TSchema>(returns: R) {
  return { arguments: none, returns, oob: true } as const;
}

function action<A extends TObject>(args: A) {
  return { arguments: args, returns: nothing, oob: false } as const;
}

const VersionTriple = Type.Object({ major: Type.Integer(), minor: Type.Integer(), micro: Type.Integer() });

export const commands = {
  qmp_capabilities: action(Type.Object({ enable: Type.Optional(Type.Array(oneOf(['oob'], 'A capability.'))) }, closed)),
  'query-version': query(Type.Object({ qemu: VersionTriple, package: Type.String() })),
  'query-commands': query(Type.Array(Type.Object({ name: Type.String() }))),
  'query-qmp-schema': query(Type.Array(Type.Unknown())),
  'query-status': query(
    Type.Object({ running: Type.Boolean(), singlestep: Type.Boolean(), status: oneOf(runStates, 'Its state.') }),
  ),
  'query-name': query(Type.Object({ name: Type.Optional(Type.String()) })),
  'query-uuid': query(Type.Object({ UUID: Type.String() })),
  'query-cpus-fast': query(
    Type.Array(
      Type.Object({
        'cpu-index': Type.Integer(),
        'qom-path': Type.String(),
        'thread-id': Type.Integer(),
        target: Type.String(),
      }),
    ),
  ),
  'query-machines': query(
    Type.Array(
      Type.Object({
        name: Type.String(),
        alias: Type.Optional(Type.String()),
        'is-default': Type.Optional(Type.Boolean()),
        'cpu-max': Type.Integer(),
        'hotpluggable-cpus': Type.Boolean(),
        'numa-mem-supported': Type.Boolean(),
        deprecated: Type.Boolean(),
        acpi: Type.Boolean(),
      }),
    ),
  ),
  'query-current-machine': query(Type.Object({ 'wakeup-suspend-support': Type.Boolean() })),
  'query-target': query(Type.Object({ arch: Type.String() })),
  'query-kvm': query(Type.Object({ enabled: Type.Boolean(), present: Type.Boolean() })),
  'query-memory-size-summary': query(Type.Object({ 'base-memory': Type.Integer() })),
  'query-chardev': query(
    Type.Array(Type.Object({ label: Type.String(), filename: Type.String(), 'frontend-open': Type.Boolean() })),
  ),
  stop: action(none),
  cont: action(none),
  quit: action(none),
  system_reset: action(none),
  system_powerdown: action(none),
  __beeline_counters: query(Type.Record(Type.String(), Type.Unknown())),
} as const satisfies Record<string, CommandDeclaration>;

export type CommandName = keyof typeof commands;
export type Arguments<N extends CommandName> = Static<(typeof commands)[N]['arguments']>;
export type Returns<N extends CommandName> = Static<(typeof commands)[N]['returns']>;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

const byGuest = Type.Object({ guest: Type.Boolean(), reason: Type.String() });

export const events = {
  STOP: nothing,
  RESUME: nothing,
  RESET: byGuest,
  SHUTDOWN: byGuest,
  POWERDOWN: nothing,
  GUEST_PANICKED: Type.Object({ action: oneOf(['pause', 'poweroff', 'run'], 'What follows.') }),
} as const satisfies Record<string, TObject>;
export type EventName = keyof typeof events;
