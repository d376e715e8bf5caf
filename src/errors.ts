// Every error that a user can meet, in one table: what it is called, what caused it, what to do about it, and the exit
// status of the command line. Placeholders in braces are filled from the details given where the error is made.

/** Exit statuses of the command line. */
export const ExitStatus = {
  ok: 0,
  failure: 1,
  usage: 2,
  guestReset: 3,
  timeout: 4,
  guestPanic: 5,
  /** A signal, or the escape key: 128 + the signal's number, as shells do. */
  interrupted: 130,
} as const;

interface ErrorRow {
  /** What happened, for a person. */
  readonly cause: string;
  /** What to do about it; empty where the cause says it all. */
  readonly remedy: string;
  readonly status: number;
}

export const errorTable = {
  BEELINE_E_USAGE: { cause: '{detail}', remedy: 'see {command} --help', status: ExitStatus.usage },
  BEELINE_E_OPTION_VALUE: { cause: '{option}: {detail}', remedy: '{remedy}', status: ExitStatus.usage },
  BEELINE_E_FILE_MISSING: {
    cause: '{option}: {path} does not exist',
    remedy: 'check the path',
    status: ExitStatus.usage,
  },
  BEELINE_E_FILE_UNREADABLE: {
    cause: '{option}: {path} cannot be read ({detail})',
    remedy: 'give a regular file that you may read',
    status: ExitStatus.usage,
  },
  BEELINE_E_FILE_UNWRITABLE: {
    cause: '{option}: {path} cannot be written ({detail})',
    remedy: 'choose a path in a folder that you may write to',
    status: ExitStatus.usage,
  },
  BEELINE_E_FILE_KIND: {
    cause: '{option}: {path} is not {expected}',
    remedy: 'give the right file, or leave {option} out',
    status: ExitStatus.usage,
  },
  BEELINE_E_FILE_TOO_BIG: {
    cause: '{option}: {path} ({size}) does not fit the guest memory of {memory}',
    remedy: 'give more with --memory',
    status: ExitStatus.usage,
  },
  BEELINE_E_DISK: { cause: '--drive: {path}: {detail}', remedy: '{remedy}', status: ExitStatus.usage },
  BEELINE_E_SNAPSHOT: { cause: 'the snapshot {path}: {detail}', remedy: '{remedy}', status: ExitStatus.failure },
  BEELINE_E_SNAPSHOT_UNKNOWN: {
    cause: '{vm} has no snapshot called {name}',
    remedy: 'beeline snapshot list {vm} lists them',
    status: ExitStatus.usage,
  },
  BEELINE_E_DUMP: {
    cause: 'FILE: {path} cannot be inspected: {detail}',
    remedy: 'write one with: beeline run --perf-dump FILE',
    status: ExitStatus.usage,
  },
  BEELINE_E_MEMORY: { cause: '--memory: {detail}', remedy: '{remedy}', status: ExitStatus.usage },
  BEELINE_E_CPUS: { cause: '--cpus: {detail}', remedy: '{remedy}', status: ExitStatus.usage },
  BEELINE_E_REGEX: {
    cause: '{option}: {regex} is not a regular expression ({detail})',
    remedy: "use JavaScript's syntax, and quote it for the shell",
    status: ExitStatus.usage,
  },
  BEELINE_E_IMAGE_UNKNOWN: {
    cause: 'IMAGE: there is no guest image called {name}',
    remedy: 'known images are {known}',
    status: ExitStatus.usage,
  },
  BEELINE_E_IMAGE_MALFORMED: {
    cause: '{path}: {detail}',
    remedy: 'correct it; schemas/image.schema.json says what is allowed',
    status: ExitStatus.usage,
  },
  BEELINE_E_IMAGE_NOT_BUILT: {
    cause: 'image {name} is not built',
    remedy: 'run: beeline image build {name}',
    status: ExitStatus.failure,
  },
  BEELINE_E_IMAGE_BROKEN: {
    cause: 'image {name} in the cache is broken ({detail})',
    remedy: 'run: beeline image build {name}',
    status: ExitStatus.failure,
  },
  BEELINE_E_IMAGE_BUILD: {
    cause: 'image {name} could not be built: {detail}',
    remedy: '{remedy}',
    status: ExitStatus.failure,
  },
  BEELINE_E_WORKLOAD: {
    cause: '{path}: {detail}',
    remedy: 'correct it; docs/bench.md and schemas/workload.schema.json say what is allowed',
    status: ExitStatus.usage,
  },
  BEELINE_E_WORKLOAD_UNKNOWN: {
    cause: 'SELECTION: no workload has the name or tag {name}',
    remedy: 'known are {known}',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_RESULT: {
    cause: 'RESULT: {path} cannot be read: {detail}',
    remedy: 'give what beeline bench run --json wrote, or an id that beeline bench history lists',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_HISTORY: {
    cause: 'the history {path} cannot be used: {detail}',
    remedy: 'name another file with BEELINE_BENCH_HISTORY',
    status: ExitStatus.failure,
  },
  BEELINE_E_BENCH_REVISION: {
    cause: '{option}: {what} cannot be run: {detail}',
    remedy: '{remedy}',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_TIME: {
    cause: 'only one of the results was measured with counted guest time: {detail}',
    remedy: 'measure both with --icount, or both without',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_QUEUE: {
    cause: '--queue: {url}: {detail}',
    remedy: 'give the address of a Redis that runs, such as redis://localhost:6379',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_TOGETHER: {
    cause: 'only one of the results was measured in pairs that shared a core: {detail}',
    remedy: 'measure both with --in-turns, or compare the pairs of one with each other: beeline bench compare {detail}',
    status: ExitStatus.usage,
  },
  BEELINE_E_BENCH_MACHINES: {
    cause: 'the results come from different machines: {detail}',
    remedy: 'give --across-machines if you want them compared all the same',
    status: ExitStatus.usage,
  },
  BEELINE_E_PACKAGES_MISSING: {
    cause: 'these Debian packages are missing: {packages}',
    remedy: 'run: apt-get install --no-install-recommends {packages}',
    status: ExitStatus.failure,
  },
  BEELINE_E_DISK_FULL: {
    cause: 'no space left while writing {path}',
    remedy: 'free some, or point XDG_CACHE_HOME at a roomier file system',
    status: ExitStatus.failure,
  },
  BEELINE_E_CACHE: {
    cause: 'the cache folder {path} cannot be used ({detail})',
    remedy: 'make it writable, or point XDG_CACHE_HOME elsewhere',
    status: ExitStatus.failure,
  },
  BEELINE_E_ADDON_MISSING: {
    cause: 'the native core is not built (tried {paths})',
    remedy: 'run: npm run build:native',
    status: ExitStatus.failure,
  },
  BEELINE_E_ADDON_BROKEN: {
    cause: 'the native core {path} does not load ({detail})',
    remedy: 'run: npm run build:native',
    status: ExitStatus.failure,
  },
  BEELINE_E_MESSAGE: {
    cause: 'the message is refused: {detail}',
    remedy: 'send JSON-RPC 2.0',
    status: ExitStatus.failure,
  },
  BEELINE_E_METHOD_UNKNOWN: {
    cause: '{method} is not a method',
    remedy: 'monitor.schema lists them',
    status: ExitStatus.usage,
  },
  BEELINE_E_PARAMS: {
    cause: '{method}: {detail}',
    remedy: 'monitor.schema says what it takes',
    status: ExitStatus.usage,
  },
  BEELINE_E_UNAUTHORIZED: {
    cause: 'the token is missing or wrong',
    remedy: 'beeline token prints it, where the daemon runs',
    status: ExitStatus.failure,
  },
  BEELINE_E_FORBIDDEN: {
    cause: '{action} needs the role {role}',
    remedy: 'use the token that beeline token --role {role} prints',
    status: ExitStatus.failure,
  },
  BEELINE_E_RATE: {
    cause: 'too many messages at once',
    remedy: 'send at most {limit} a second',
    status: ExitStatus.failure,
  },
  BEELINE_E_VM_UNKNOWN: {
    cause: 'there is no guest called {vm}',
    remedy: 'beeline ps lists the guests',
    status: ExitStatus.usage,
  },
  BEELINE_E_VM_EXISTS: {
    cause: 'there is a guest called {vm} already',
    remedy: 'choose another name, or delete that one',
    status: ExitStatus.usage,
  },
  BEELINE_E_VM_STATE: {
    cause: '{vm} cannot be {action}: it is {state}',
    remedy: '{remedy}',
    status: ExitStatus.failure,
  },
  BEELINE_E_VM_PROCESS: {
    cause: 'the process of {vm} failed: {detail}',
    remedy: 'beeline logs --process {vm} shows what it said',
    status: ExitStatus.failure,
  },
  BEELINE_E_VM_TIMEOUT: {
    cause: '{vm} has not stopped within {seconds} s',
    remedy: 'stop it by force',
    status: ExitStatus.timeout,
  },
  BEELINE_E_CPU_UNKNOWN: {
    cause: '{vm} has no CPU {cpu}',
    remedy: 'count from 0',
    status: ExitStatus.usage,
  },
  BEELINE_E_CPU_OFF: {
    cause: 'CPU {cpu} of {vm} is off',
    remedy: 'let the guest switch it on first',
    status: ExitStatus.failure,
  },
  BEELINE_E_BALLOON: {
    cause: '{vm} has no memory balloon',
    remedy: 'give it one: --balloon mmio, or balloon in its config',
    status: ExitStatus.failure,
  },
  BEELINE_E_CONSOLE_SIZE: {
    cause: 'the console of {vm} is {what}, which has no size',
    remedy: 'give it a virtio console: --console stdio, or in its config a port of kind serial that is a console',
    status: ExitStatus.failure,
  },
  BEELINE_E_CONSOLE_UNKNOWN: {
    cause: '{vm} has no virtio console {console}',
    remedy: 'count from 0 those ports of its config that are consoles',
    status: ExitStatus.usage,
  },
  BEELINE_E_BLOCKS_UNCOUNTED: {
    cause: '{vm} does not count how often its blocks are executed',
    remedy: 'make it with --count-blocks, or countBlocks in its config',
    status: ExitStatus.failure,
  },
  BEELINE_E_TRACE_ON: {
    cause: '{vm} is being traced already',
    remedy: 'read that trace, or end it with trace.stop',
    status: ExitStatus.failure,
  },
  BEELINE_E_TRACE_OFF: {
    cause: '{vm} is not being traced',
    remedy: 'begin with trace.start',
    status: ExitStatus.failure,
  },
  BEELINE_E_TRACE_CURSOR: {
    cause: 'the cursor {cursor} is none of the trace of {vm}',
    remedy: 'begin without a cursor',
    status: ExitStatus.usage,
  },
  BEELINE_E_CARD_UNKNOWN: {
    cause: '{vm} has no network card {card}',
    remedy: 'count from 0; --net user, or networks in its config, gives it one',
    status: ExitStatus.usage,
  },
  BEELINE_E_FORWARD: { cause: '{detail}', remedy: '{remedy}', status: ExitStatus.failure },
  BEELINE_E_FORWARD_UNKNOWN: {
    cause: '{vm} has no forward of {protocol} port {port} of {address}',
    remedy: 'network.list shows those that there are',
    status: ExitStatus.usage,
  },
  BEELINE_E_ADDRESS: {
    cause: 'there is no memory at the {space} address {address}',
    remedy: 'devices and unmapped addresses cannot be read',
    status: ExitStatus.failure,
  },
  BEELINE_E_LIMIT: { cause: '{detail}', remedy: '{remedy}', status: ExitStatus.failure },
  BEELINE_E_CURSOR: {
    cause: 'the cursor {cursor} is none of this journal',
    remedy: 'begin without a cursor',
    status: ExitStatus.usage,
  },
  BEELINE_E_STREAM_UNKNOWN: {
    cause: 'this connection has no {kind} {number}',
    remedy: 'use the number that the answer gave',
    status: ExitStatus.usage,
  },
  BEELINE_E_STREAM_LIMIT: {
    cause: 'this connection has {limit} viewers and subscriptions already',
    remedy: 'end one first, or open another connection',
    status: ExitStatus.failure,
  },
  BEELINE_E_CONSOLE_FULL: {
    cause: '{vm} has not read what was typed before',
    remedy: 'try again later',
    status: ExitStatus.failure,
  },
  BEELINE_E_EXEC_TIMEOUT: {
    cause: '{vm} has not done it within {seconds} s',
    remedy: 'a shell has to wait at its console; give more with --timeout',
    status: ExitStatus.timeout,
  },
  BEELINE_E_DAEMON_UNREACHABLE: {
    cause: 'no daemon answers at {address} ({detail})',
    remedy: '{remedy}',
    status: ExitStatus.failure,
  },
  BEELINE_E_DAEMON_REFUSED: {
    cause: 'the daemon at {address} refuses the connection: {detail}',
    remedy: '{remedy}',
    status: ExitStatus.failure,
  },
  BEELINE_E_DAEMON_RUNNING: {
    cause: 'a daemon is at work in {path} already (process {pid})',
    remedy: 'use that one, or give another folder with --state',
    status: ExitStatus.failure,
  },
  BEELINE_E_DAEMON_REPLY: {
    cause: 'the daemon answers what is not understood: {detail}',
    remedy: 'use the same version on both sides',
    status: ExitStatus.failure,
  },
  BEELINE_E_CONNECTION_LOST: {
    cause: 'the connection to the daemon was lost ({detail})',
    remedy: 'see whether it still runs with: beeline ps',
    status: ExitStatus.failure,
  },
  BEELINE_E_STATE_FOLDER: {
    cause: 'the state folder {path} cannot be used ({detail})',
    remedy: '{remedy}',
    status: ExitStatus.failure,
  },
  BEELINE_E_FILE_CHANGED: {
    cause: 'the file {path} is not what it was when {vm} first started: {detail}',
    remedy:
      'if you have changed it yourself, start the guest with --accept-files; if not, distrust all that the guest has written',
    status: ExitStatus.failure,
  },
  BEELINE_E_MEMORY_DUMP: {
    cause: 'the memory of {vm} cannot be dumped: {detail}',
    remedy: 'wait for another dump to end, make room, or give a name that is there already',
    status: ExitStatus.failure,
  },
  BEELINE_E_FILE_USER: {
    cause: '{option}: {user}, whom guests run as, may not {action} {path} ({detail})',
    remedy: 'let {user} do that (chmod, chgrp, setfacl), or name another user in the configuration',
    status: ExitStatus.usage,
  },
  BEELINE_E_SANDBOX: {
    cause: "the guest's process cannot be confined ({detail})",
    remedy: 'use Linux 5.13 or newer with Landlock, or set sandbox = "off"',
    status: ExitStatus.failure,
  },
  BEELINE_E_SERIAL: {
    cause: '--serial: nobody can be reached at {path} ({detail})',
    remedy: 'start first what is to listen there, or add ,server to listen there',
    status: ExitStatus.failure,
  },
  BEELINE_E_LISTEN: {
    cause: 'cannot listen on {address} ({detail})',
    remedy: 'choose another address',
    status: ExitStatus.failure,
  },
  BEELINE_E_CONFIG: {
    cause: '{path}: {detail}',
    remedy: 'correct it; beeline config schema says what is allowed',
    status: ExitStatus.usage,
  },
  /** The status is given where the error is made: it depends on the signal. */
  BEELINE_E_INTERRUPTED: { cause: 'interrupted by {signal}', remedy: '', status: ExitStatus.interrupted },
  BEELINE_E_OUTPUT: { cause: 'output to {path} failed ({detail})', remedy: '', status: ExitStatus.failure },
  BEELINE_E_MACHINE: { cause: 'the machine failed: {detail}', remedy: '', status: ExitStatus.failure },
  BEELINE_E_INTERNAL: {
    cause: 'internal error: {detail}',
    remedy: 'this is a fault in Beeline; BEELINE_LOG=debug shows where',
    status: ExitStatus.failure,
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;
export type ErrorDetails = Readonly<Record<string, string | number>>;

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => String(details[key] ?? ''));
}

/** An error with a row in the table. Its message is one line: the cause, then the remedy. */
export class BeelineError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly status: number;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    const row: ErrorRow = errorTable[code];
    const happened = fill(row.cause, details);
    const remedy = fill(row.remedy, details);
    const line = remedy === '' ? happened : `${happened}; ${remedy}`;
    super(line.replace(/\s*\n\s*/g, ' '), { cause });
    this.name = 'BeelineError';
    this.code = code;
    this.details = details;
    this.status = typeof details.status === 'number' ? details.status : row.status;
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** The system's error code (ENOENT, ENOSPC, ...), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
