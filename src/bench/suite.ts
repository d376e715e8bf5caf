// What the program of bench/workloads holds, by group. A test compares it with `kern list`.

export interface Group {
  readonly name: string;
  readonly title: string;
  readonly workloads: readonly string[];
  /** Number of CPUs of the guests that run it, where not told otherwise. */
  readonly cpus: number;
  /** Whether the host's own time says anything. */
  readonly comparesWithNative: boolean;
}

function group(name: string, title: string, workloads: string, properties: Partial<Group> = {}): Group {
  return { name, title, workloads: workloads.split(' '), cpus: 1, comparesWithNative: true, ...properties };
}

export const groups: readonly Group[] = [
  group('int', 'integer', 'branchy hash-table bit-ops div-mulh qsort fib-recursive interp virtual-call big-code'),
  group('mem', 'memory', 'chase-32K chase-32M memcpy-memset string-ops'),
  group('jit', 'code that changes', 'jit-append smc-rewrite'),
  group('float', 'float', 'fp-int-convert fma fp-rounding libm whet matmul-double matmul-float fft mandel nbody'),
  group('simd', 'SIMD', 'sha256 chacha-vec pixel-blend saxpy dot-int8'),
  group('crypto', 'cryptography', 'aes-instructions sha256-instructions crc32-instructions'),
  group(
    'sys',
    'system',
    'syscall-getppid vdso-clock pipe-pingpong fork-exec fork-cow mmap-touch signal-raise segv-mprotect file-rw sleep-1ms',
  ),
  group('threads', 'threads', 'thread-mutex thread-atomics thread-condvar', { cpus: 2 }),
  group('cold', 'code that runs once', 'cold-straight cold-branches', { comparesWithNative: false }),
];

/** Measured when asked for by name only. */
export const unusualGroups: readonly string[] = ['cold'];

/** A few of each kind, for a first impression in minutes. */
export const quickWorkloads: readonly string[] = [
  'hash-table',
  'fib-recursive',
  'interp',
  'virtual-call',
  'chase-32K',
  'jit-append',
  'nbody',
  'sha256',
  'syscall-getppid',
  'fork-exec',
  'mmap-touch',
  'thread-mutex',
  'cold-straight',
];

/** Means over workloads of several groups, printed when all of them were measured. */
export const furtherMeans: readonly { readonly title: string; readonly workloads: readonly string[] }[] = [
  { title: 'integer and chases', workloads: [...(groups[0]?.workloads ?? []), 'chase-32K', 'chase-32M'] },
];

export function groupOf(workload: string): Group {
  const found = groups.find(({ workloads }) => workloads.includes(workload));
  if (found === undefined) throw new Error(`no group has the workload ${workload}`);
  return found;
}

export interface Selection {
  readonly groups: readonly string[];
  readonly workloads: readonly string[];
  readonly quick: boolean;
}

/** Workloads in the suite's order. Names of both lists are known ones. */
export function selectWorkloads(selection: Selection): string[] {
  const all = groups.flatMap(({ workloads }) => workloads);
  const named = all.filter((name) => selection.workloads.includes(name));
  const isNothingNamed = selection.groups.length === 0 && named.length === 0;
  const wanted = isNothingNamed
    ? groups.map(({ name }) => name).filter((name) => !unusualGroups.includes(name))
    : selection.groups;
  const grouped = all.filter((name) => wanted.includes(groupOf(name).name));
  const short = selection.quick ? grouped.filter((name) => quickWorkloads.includes(name)) : grouped;
  return all.filter((name) => named.includes(name) || short.includes(name));
}
