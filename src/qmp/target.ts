// What the commands do.
import { maximumCpus } from '../cli/parse.js';
import { SnapshotName } from '../monitor/domains/snapshot.js';
import { accepts } from '../monitor/validation.js';
import type { Counters, NativeStats } from '../native/addon.js';
import { version } from '../version.js';
import { queryBlock, queryBlockStats, queryNodes } from './blocks.js';
import type { Arguments, EventName, Returns } from './commands.js';
import { Dumps } from './dumps.js';
import { QmpError, refused } from './errors.js';
import type { QmpHost, QmpSnapshots } from './host.js';
import { describeJit, humanMonitor } from './human-monitor.js';
import { Jobs } from './jobs.js';
import { cpuPath, getProperty, listObject } from './object-tree.js';
import { protocolLevel, type QmpTarget } from './session.js';

const provider = 'beeline';

/** Sends an event to every client. */
export type EmitEvent = (name: EventName, data: object) => void;

export function createQmpTarget(host: QmpHost, emit: EmitEvent): QmpTarget {
  return {
    ...sessionCommands(host),
    ...stateCommands(host),
    ...snapshotCommands(host, emit),
    ...deviceCommands(host),
    ...dumpCommands(host, emit),
  };
}

function sessionCommands(host: QmpHost) {
  const { config } = host;
  return {
    'query-status': () => {
      const status = host.runState;
      return { running: status === 'running', singlestep: false, status };
    },
    'query-name': () => (host.name === undefined ? {} : { name: host.name }),
    'query-uuid': () => ({ UUID: host.uuid }),
    'query-cpus-fast': () =>
      Array.from({ length: config.cpus }, (_unused, index) => ({
        'cpu-index': index,
        'qom-path': cpuPath(index),
        'thread-id': process.pid,
        target: 'aarch64',
      })),
    'query-machines': () => [
      {
        name: 'virt',
        'is-default': true,
        'cpu-max': maximumCpus[config.gicVersion],
        'hotpluggable-cpus': false,
        'numa-mem-supported': false,
        deprecated: false,
        acpi: false,
      },
    ],
    'query-current-machine': () => ({ 'wakeup-suspend-support': false }),
    'query-target': () => ({ arch: 'aarch64' }),
    'query-kvm': () => ({ enabled: false, present: false }),
    'query-balloon': () => {
      const actual = host.balloon();
      if (actual === undefined) throw noBalloon();
      return { actual };
    },
    balloon: ({ value }: Arguments<'balloon'>) => {
      if (!host.setBalloon(value)) throw noBalloon();
      return {};
    },
    'query-memory-size-summary': () => ({ 'base-memory': config.memoryBytes }),
    'query-chardev': () => [...host.chardevs],
    'human-monitor-command': ({ 'command-line': line, 'cpu-index': cpu = 0 }: Arguments<'human-monitor-command'>) => {
      checkCpu(host, cpu);
      const { major, minor, micro } = protocolLevel;
      return humanMonitor(host, line, cpu, `${major}.${minor}.${micro} beeline-${version()}`);
    },
  } satisfies Partial<QmpTarget>;
}

function noBalloon(): QmpError {
  return new QmpError('DeviceNotActive', 'No balloon device has been activated');
}

function checkCpu({ config }: QmpHost, cpu: number): void {
  if (cpu < 0 || cpu >= config.cpus) throw refused("Parameter 'cpu-index' expects a CPU number");
}

function stateCommands(host: QmpHost) {
  const doing = (action: () => void) => () => {
    action();
    return {};
  };
  return {
    stop: doing(() => host.pause()),
    cont: doing(() => host.resume()),
    quit: doing(() => host.quit()),
    system_reset: doing(() => host.reset()),
    system_powerdown: doing(() => host.powerdown()),
    'inject-nmi': () => {
      throw refused('this feature or command is not currently supported');
    },
    'set-action': ({ reboot, shutdown, panic }: Arguments<'set-action'>) => {
      if (shutdown === 'pause') throw refused("Parameter 'shutdown' does not accept value 'pause'");
      if (reboot !== undefined) host.setReboot(reboot === 'reset');
      if (panic !== undefined) host.setPanicAction(panic);
      return {};
    },
  } satisfies Partial<QmpTarget>;
}

function snapshotCommands(host: QmpHost, emit: EmitEvent) {
  const jobs = new Jobs(emit);
  const begin = (
    type: 'snapshot-save' | 'snapshot-load' | 'snapshot-delete',
    { 'job-id': id, tag, devices }: Arguments<'snapshot-delete'>,
    work: (snapshots: QmpSnapshots) => Promise<void>,
  ) => {
    const { snapshots } = host;
    if (snapshots === undefined) throw refused('this guest has no folder for snapshots; those of a daemon have');
    const nodes = queryNodes(host).map(({ 'node-name': name }) => name);
    const unknown = devices.find((name) => !nodes.includes(name));
    if (unknown !== undefined) throw refused(`No block device node '${unknown}'`);
    if (!accepts(SnapshotName, tag)) throw refused("Parameter 'tag' expects small letters, digits and _ . - inside");
    jobs.start(id, type, () => work(snapshots));
    return {};
  };
  /** The guest stands still meanwhile, which QEMU's clients expect to hear. */
  const standing = async (work: () => Promise<void>) => {
    const isRunning = host.runState === 'running';
    if (isRunning) emit('STOP', {});
    try {
      await work();
    } finally {
      if (isRunning) emit('RESUME', {});
    }
  };
  const withState = ({ vmstate, devices, ...rest }: Arguments<'snapshot-save'>) => {
    return { ...rest, devices: vmstate === '' ? devices : [vmstate, ...devices] };
  };
  return {
    'snapshot-save': (args: Arguments<'snapshot-save'>) =>
      begin('snapshot-save', withState(args), (snapshots) => standing(() => snapshots.save(args.tag))),
    'snapshot-load': (args: Arguments<'snapshot-load'>) =>
      begin('snapshot-load', withState(args), (snapshots) => standing(() => snapshots.load(args.tag))),
    'snapshot-delete': (args: Arguments<'snapshot-delete'>) =>
      begin('snapshot-delete', args, async (snapshots) => snapshots.delete(args.tag)),
    'query-jobs': () => jobs.list(),
    'job-dismiss': ({ id }: Arguments<'job-dismiss'>) => {
      jobs.dismiss(id);
      return {};
    },
    'job-cancel': ({ id }: Arguments<'job-cancel'>) => jobs.cancel(id),
  } satisfies Partial<QmpTarget>;
}

function deviceCommands(host: QmpHost) {
  const { config } = host;
  return {
    'query-block': () => queryBlock(host),
    'query-named-block-nodes': () => queryNodes(host),
    'query-blockstats': ({ 'query-nodes': byNode }: Arguments<'query-blockstats'>) => {
      return queryBlockStats(host, byNode ?? false);
    },
    'query-block-jobs': () => [],
    'query-iothreads': () => [],
    'query-memory-devices': () => [],
    'query-memdev': () => [
      {
        id: 'mach-virt.ram',
        size: config.memoryBytes,
        merge: false,
        dump: true,
        prealloc: false,
        share: false,
        reserve: true,
        'host-nodes': [],
        policy: 'default',
      },
    ],
    'qom-list': ({ path }: Arguments<'qom-list'>) => listObject(host, path),
    'qom-get': ({ path, property }: Arguments<'qom-get'>) => getProperty(host, path, property),
    'query-stats': (args: Arguments<'query-stats'>) => queryStats(host.stats(), args),
    'query-stats-schemas': () => statsSchemas(host.stats()),
    'x-query-jit': () => ({ 'human-readable-text': describeJit(host.stats()) }),
    __beeline_counters: () => {
      const { elapsedSeconds, cpus, direct, switches, board } = host.stats();
      return { elapsedSeconds, cpus, direct, switches, board };
    },
  } satisfies Partial<QmpTarget>;
}

/** Counters of one CPU, those of its translations among them. */
function cpuCounters({ cpus, direct }: NativeStats, cpu: number): Counters {
  const translated = Object.entries(direct[cpu] ?? {}).map(([name, value]) => [`direct.${name}`, value] as const);
  return { ...cpus[cpu], ...Object.fromEntries(translated) };
}

function queryStats(stats: NativeStats, args: Arguments<'query-stats'>): Returns<'query-stats'> {
  const { target, vcpus, providers } = args;
  const names = providers?.find((wanted) => wanted.names !== undefined)?.names;
  if (providers?.length === 0) return [];
  const values = (counters: Counters) =>
    Object.entries(counters)
      .filter(([name]) => names === undefined || names.includes(name))
      .map(([name, value]) => ({ name, value }));
  if (target === 'vm') return [{ provider, stats: values(stats.board) }];
  if (target === 'cryptodev') return [];
  return stats.cpus.flatMap((_unused, cpu) => {
    const path = cpuPath(cpu);
    if (vcpus !== undefined && !vcpus.includes(path)) return [];
    return [{ provider, 'qom-path': path, stats: values(cpuCounters(stats, cpu)) }];
  });
}

function statsSchemas(stats: NativeStats): Returns<'query-stats-schemas'> {
  const schema = (counters: Counters) =>
    Object.keys(counters).map((name) => ({ name, type: 'cumulative', exponent: 0 }));
  return [
    { provider, target: 'vm', stats: schema(stats.board) },
    { provider, target: 'vcpu', stats: schema(cpuCounters(stats, 0)) },
  ];
}

function dumpCommands(host: QmpHost, emit: EmitEvent) {
  const dumps = new Dumps(host, emit);
  return {
    memsave: async ({ val, size, filename, 'cpu-index': cpu = 0 }: Arguments<'memsave'>) => {
      checkCpu(host, cpu);
      await dumps.save(val, size, filename, cpu);
      return {};
    },
    pmemsave: async ({ val, size, filename }: Arguments<'pmemsave'>) => {
      await dumps.save(val, size, filename, undefined);
      return {};
    },
    dumpdtb: ({ filename }: Arguments<'dumpdtb'>) => {
      dumps.saveTree(filename);
      return {};
    },
    'dump-guest-memory': async ({ protocol, detach, begin, length, format }: Arguments<'dump-guest-memory'>) => {
      if ((format ?? 'elf') !== 'elf') throw refused(`the format ${format} is not supported; choose elf`);
      if ((begin === undefined) !== (length === undefined)) {
        throw refused(`Parameter '${begin === undefined ? 'begin' : 'length'}' is missing`);
      }
      if (!protocol.startsWith('file:')) throw refused("Invalid parameter 'protocol'");
      const range = begin === undefined || length === undefined ? undefined : { begin, length };
      const done = dumps.start(protocol.slice('file:'.length), range);
      if (detach !== true) await done;
      // Whoever does not wait hears of it by DUMP_COMPLETED and query-dump.
      else done.catch(() => undefined);
      return {};
    },
    'query-dump': () => dumps.last,
    'query-dump-guest-memory-capability': () => ({ formats: ['elf'] }),
  } satisfies Partial<QmpTarget>;
}
