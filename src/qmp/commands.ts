// The commands and events of QMP that are served, each declared once: names and shapes are QEMU's (QEMU QMP Reference
// Manual), so that its clients work as they are.
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import { closed, oneOf } from '../monitor/types.js';
import { panicActions } from '../vm/outcome.js';

export const runStates = [
  'prelaunch',
  'running',
  'paused',
  'io-error',
  'shutdown',
  'guest-panicked',
  'internal-error',
] as const;
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

function queryOf<A extends TObject, R extends TSchema>(args: A, returns: R) {
  return { arguments: args, returns, oob: false } as const;
}

function action<A extends TObject>(args: A) {
  return { arguments: args, returns: nothing, oob: false } as const;
}

const unsigned = Type.Integer({ minimum: 0 });
const path = Type.String({ minLength: 1, maxLength: 4096 });
const jobId = Type.Object({ id: Type.String({ maxLength: 255 }) }, closed);

const nodeName = Type.String({ maxLength: 255 });
const snapshot = {
  'job-id': Type.String({ maxLength: 255 }),
  tag: Type.String({ maxLength: 255 }),
  devices: Type.Array(nodeName, { maxItems: 256 }),
};

const jobStatuses = ['created', 'running', 'waiting', 'pending', 'aborting', 'concluded', 'null'] as const;
export type JobStatus = (typeof jobStatuses)[number];

export const dumpStatuses = ['none', 'active', 'completed', 'failed'] as const;
const DumpResult = Type.Object({
  status: oneOf(dumpStatuses, 'How far it is.'),
  completed: Type.Integer(),
  total: Type.Integer(),
});
export type DumpResult = Static<typeof DumpResult>;

/** What QEMU says about a block device has many members; these are those that have a meaning here. */
const BlockImage = Type.Object({
  filename: Type.String(),
  format: Type.String(),
  'virtual-size': Type.Integer(),
  'actual-size': Type.Optional(Type.Integer()),
  'dirty-flag': Type.Boolean(),
});
const limits = { iops: Type.Integer(), iops_rd: Type.Integer(), iops_wr: Type.Integer() };
const rates = { bps: Type.Integer(), bps_rd: Type.Integer(), bps_wr: Type.Integer() };
const BlockNode = Type.Object({
  'node-name': Type.String(),
  file: Type.String(),
  drv: Type.String(),
  ro: Type.Boolean(),
  encrypted: Type.Boolean(),
  backing_file_depth: Type.Integer(),
  detect_zeroes: Type.String(),
  write_threshold: Type.Integer(),
  ...limits,
  ...rates,
  cache: Type.Object({ writeback: Type.Boolean(), direct: Type.Boolean(), 'no-flush': Type.Boolean() }),
  image: BlockImage,
});
const BlockStats = Type.Object({
  rd_bytes: Type.Integer(),
  wr_bytes: Type.Integer(),
  unmap_bytes: Type.Integer(),
  rd_operations: Type.Integer(),
  wr_operations: Type.Integer(),
  flush_operations: Type.Integer(),
  unmap_operations: Type.Integer(),
  failed_rd_operations: Type.Integer(),
  failed_wr_operations: Type.Integer(),
  failed_flush_operations: Type.Integer(),
  failed_unmap_operations: Type.Integer(),
  invalid_rd_operations: Type.Integer(),
  invalid_wr_operations: Type.Integer(),
  invalid_flush_operations: Type.Integer(),
  invalid_unmap_operations: Type.Integer(),
  rd_total_time_ns: Type.Integer(),
  wr_total_time_ns: Type.Integer(),
  flush_total_time_ns: Type.Integer(),
  unmap_total_time_ns: Type.Integer(),
  rd_merged: Type.Integer(),
  wr_merged: Type.Integer(),
  unmap_merged: Type.Integer(),
  wr_highest_offset: Type.Integer(),
  account_invalid: Type.Boolean(),
  account_failed: Type.Boolean(),
  timed_stats: Type.Array(Type.Unknown()),
});

const statsTarget = oneOf(['vm', 'vcpu', 'cryptodev'], 'What the statistics are of.');
const statsProvider = oneOf(['beeline'], 'Who keeps them.');

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
  'query-balloon': query(Type.Object({ actual: Type.Integer() })),
  balloon: action(Type.Object({ value: Type.Integer({ minimum: 1 }) }, closed)),
  'query-memory-size-summary': query(Type.Object({ 'base-memory': Type.Integer() })),
  'query-chardev': query(
    Type.Array(Type.Object({ label: Type.String(), filename: Type.String(), 'frontend-open': Type.Boolean() })),
  ),
  'query-block': query(
    Type.Array(
      Type.Object({
        device: Type.String(),
        qdev: Type.String(),
        type: Type.String(),
        removable: Type.Boolean(),
        locked: Type.Boolean(),
        'io-status': oneOf(['ok', 'failed', 'nospace'], 'How its I/O is.'),
        inserted: BlockNode,
      }),
    ),
  ),
  'query-named-block-nodes': queryOf(
    Type.Object({ flat: Type.Optional(Type.Boolean()) }, closed),
    Type.Array(BlockNode),
  ),
  'query-blockstats': queryOf(
    Type.Object({ 'query-nodes': Type.Optional(Type.Boolean()) }, closed),
    Type.Array(
      Type.Object({
        device: Type.Optional(Type.String()),
        qdev: Type.Optional(Type.String()),
        'node-name': Type.String(),
        stats: BlockStats,
      }),
    ),
  ),
  'query-block-jobs': query(Type.Array(Type.Unknown())),
  'query-iothreads': query(Type.Array(Type.Unknown())),
  'query-memdev': query(
    Type.Array(
      Type.Object({
        id: Type.String(),
        size: Type.Integer(),
        merge: Type.Boolean(),
        dump: Type.Boolean(),
        prealloc: Type.Boolean(),
        share: Type.Boolean(),
        reserve: Type.Boolean(),
        'host-nodes': Type.Array(Type.Integer()),
        policy: Type.String(),
      }),
    ),
  ),
  'query-memory-devices': query(Type.Array(Type.Unknown())),
  'snapshot-save': action(Type.Object({ ...snapshot, vmstate: nodeName }, closed)),
  'snapshot-load': action(Type.Object({ ...snapshot, vmstate: nodeName }, closed)),
  'snapshot-delete': action(Type.Object(snapshot, closed)),
  'query-jobs': query(
    Type.Array(
      Type.Object({
        id: Type.String(),
        type: oneOf(['snapshot-save', 'snapshot-load', 'snapshot-delete'], 'What it does.'),
        status: oneOf(jobStatuses, 'How far it is.'),
        'current-progress': Type.Integer(),
        'total-progress': Type.Integer(),
        error: Type.Optional(Type.String()),
      }),
    ),
  ),
  'job-dismiss': action(jobId),
  'job-cancel': action(jobId),
  'query-stats': queryOf(
    Type.Object(
      {
        target: statsTarget,
        vcpus: Type.Optional(Type.Array(Type.String(), { maxItems: 64 })),
        providers: Type.Optional(
          Type.Array(
            Type.Object({ provider: statsProvider, names: Type.Optional(Type.Array(Type.String())) }, closed),
            { maxItems: 16 },
          ),
        ),
      },
      closed,
    ),
    Type.Array(
      Type.Object({
        provider: statsProvider,
        'qom-path': Type.Optional(Type.String()),
        stats: Type.Array(Type.Object({ name: Type.String(), value: Type.Number() })),
      }),
    ),
  ),
  'query-stats-schemas': queryOf(
    Type.Object({ provider: Type.Optional(statsProvider) }, closed),
    Type.Array(
      Type.Object({
        provider: statsProvider,
        target: statsTarget,
        stats: Type.Array(Type.Object({ name: Type.String(), type: Type.String(), exponent: Type.Integer() })),
      }),
    ),
  ),
  'x-query-jit': query(Type.Object({ 'human-readable-text': Type.String() })),
  'qom-list': queryOf(
    Type.Object({ path: Type.String() }, closed),
    Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  ),
  'qom-get': queryOf(Type.Object({ path: Type.String(), property: Type.String() }, closed), Type.Unknown()),
  'human-monitor-command': queryOf(
    Type.Object(
      { 'command-line': Type.String({ maxLength: 4096 }), 'cpu-index': Type.Optional(Type.Integer()) },
      closed,
    ),
    Type.String(),
  ),
  memsave: action(
    Type.Object({ val: unsigned, size: unsigned, filename: path, 'cpu-index': Type.Optional(unsigned) }, closed),
  ),
  pmemsave: action(Type.Object({ val: unsigned, size: unsigned, filename: path }, closed)),
  dumpdtb: action(Type.Object({ filename: path }, closed)),
  'dump-guest-memory': action(
    Type.Object(
      {
        paging: Type.Boolean(),
        protocol: Type.String({ maxLength: 4096 }),
        detach: Type.Optional(Type.Boolean()),
        begin: Type.Optional(unsigned),
        length: Type.Optional(unsigned),
        format: Type.Optional(
          oneOf(['elf', 'kdump-zlib', 'kdump-lzo', 'kdump-snappy', 'win-dmp'], 'Of the file; elf when left out.'),
        ),
      },
      closed,
    ),
  ),
  'query-dump': query(DumpResult),
  'query-dump-guest-memory-capability': query(Type.Object({ formats: Type.Array(Type.String()) })),
  'set-action': action(
    Type.Object(
      {
        reboot: Type.Optional(oneOf(['reset', 'shutdown'], 'When the guest resets itself.')),
        shutdown: Type.Optional(oneOf(['poweroff', 'pause'], 'When the guest powers off.')),
        panic: Type.Optional(oneOf(panicActions, 'When its kernel panics.')),
      },
      closed,
    ),
  ),
  'inject-nmi': action(none),
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
  BLOCK_IO_ERROR: Type.Object({
    device: Type.String(),
    'node-name': Type.Optional(Type.String()),
    operation: oneOf(['read', 'write'], 'What failed.'),
    action: oneOf(['ignore', 'report', 'stop'], 'What follows.'),
    nospace: Type.Boolean(),
    reason: Type.String(),
  }),
  JOB_STATUS_CHANGE: Type.Object({ id: Type.String(), status: oneOf(jobStatuses, 'How far it is.') }),
  DUMP_COMPLETED: Type.Object({ result: DumpResult, error: Type.Optional(Type.String()) }),
} as const satisfies Record<string, TObject>;
export type EventName = keyof typeof events;

export interface QmpEvent {
  readonly name: EventName;
  readonly data: object;
}
