// What the methods of the monitor do.
import { BeelineError } from '../errors.js';
import { includesRole } from '../monitor/declare.js';
import { type MethodName, type Params, protocolVersion, type Result } from '../monitor/protocol.js';
import { protocolSchema } from '../monitor/schema.js';
import { version } from '../version.js';
import type { LogTail } from './daemon-log.js';
import { type EventLog, passes } from './event-log.js';
import type { Session } from './session.js';
import { ConsoleStream, EventStream, PerfStream } from './streams.js';
import type { Supervisor } from './supervisor.js';
import { hasConsoleSize, usesHost } from './vm-config.js';

export interface MethodContext {
  readonly supervisor: Supervisor;
  readonly events: EventLog;
  readonly logTail: LogTail;
  readonly startedAt: string;
  readonly sessions: () => Iterable<Session>;
  readonly shutDown: (cause: string) => void;
}

export type Methods = {
  readonly [N in MethodName]: (params: Params<N>, session: Session) => Result<N> | Promise<Result<N>>;
};

const defaultHistory = 64 * 1024;
const defaultStopSeconds = 10;
const defaultLogLines = 100;
const defaultEvents = 100;
const defaultHotBlocks = 20;

export function createMethods(context: MethodContext): Methods {
  return {
    ...vmMethods(context),
    ...consoleMethods(context),
    ...inspectionMethods(context),
    ...snapshotMethods(context),
    ...perfMethods(context),
    ...traceMethods(context),
    ...monitorMethods(context),
  };
}

function vmMethods({ supervisor }: MethodContext) {
  const ask = (method: 'pause' | 'resume' | 'reset' | 'powerdown', action: string) => {
    return async ({ vm: name }: { vm: string }) => {
      const vm = supervisor.get(name);
      await vm.ask(method, action);
      return vm.status();
    };
  };
  return {
    'vm.create': async ({ name, config, start }, session) => {
      if (usesHost(config) && !includesRole(session.role, 'admin')) {
        throw new BeelineError('BEELINE_E_FORBIDDEN', {
          action: 'making a guest of files, drives, networks, shares or ports',
          role: 'admin',
        });
      }
      const vm = supervisor.create(name, config);
      if (start === true) await vm.start('request');
      return vm.status();
    },
    'vm.start': async ({ vm: name, paused = false, acceptFiles = false }, session) => {
      if (acceptFiles && !includesRole(session.role, 'admin')) {
        throw new BeelineError('BEELINE_E_FORBIDDEN', { action: 'accepting changed files', role: 'admin' });
      }
      const vm = supervisor.get(name);
      await vm.start('request', { paused, acceptFiles });
      return vm.status();
    },
    'vm.pause': ask('pause', 'paused'),
    'vm.resume': ask('resume', 'resumed'),
    'vm.reset': ask('reset', 'reset'),
    'vm.powerdown': ask('powerdown', 'powered down'),
    'vm.stop': async ({ vm: name, timeout, force }) => {
      const vm = supervisor.get(name);
      await vm.stop(timeout ?? defaultStopSeconds, force ?? true);
      return vm.status();
    },
    'vm.delete': async ({ vm, force }) => {
      await supervisor.delete(vm, force ?? false);
      return {};
    },
    'vm.list': () => ({ vms: supervisor.list().map((vm) => vm.status()) }),
    'vm.status': ({ vm }) => supervisor.get(vm).status(),
  } satisfies Partial<Methods>;
}

function consoleMethods({ supervisor }: MethodContext) {
  return {
    'console.attach': ({ vm: name, history, from }, session) => {
      const vm = supervisor.get(name);
      const end = vm.console.end();
      const wanted = from === undefined ? Math.max(0, end - (history ?? defaultHistory)) : Math.min(from, end);
      const offset = Math.max(wanted, Math.min(vm.console.begin(), end));
      const stream = session.addStream((number, wake) => new ConsoleStream(number, vm, offset, wake));
      const resizable = hasConsoleSize(vm.record.config) && includesRole(session.role, 'control');
      return { stream, offset, end, missed: from === undefined ? 0 : offset - wanted, resizable };
    },
    'console.detach': ({ stream }, session) => {
      session.removeStream('stream', stream);
      return {};
    },
    'console.write': async ({ vm, base64 }) => {
      return { written: await supervisor.get(vm).write(Buffer.from(base64, 'base64')) };
    },
    'console.resize': async ({ vm, console, ...size }) => {
      await supervisor.get(vm).resizeConsole(size, console);
      return {};
    },
    'console.read': ({ vm: name, from, length }) => {
      const vm = supervisor.get(name);
      const end = vm.console.end();
      const most = length ?? 65_536;
      const wanted = Math.min(from ?? Math.max(0, end - most), end);
      const { offset, bytes } = vm.console.read(wanted, most);
      return { offset, end, missed: offset - wanted, base64: Buffer.from(bytes).toString('base64') };
    },
  } satisfies Partial<Methods>;
}

function inspectionMethods({ supervisor }: MethodContext) {
  return {
    'cpu.registers': ({ vm, cpu }) => supervisor.get(vm).registers(cpu ?? 0),
    'cpu.halt': ({ vm, cpu }) => supervisor.get(vm).halt(cpu),
    'cpu.resume': async ({ vm: name, cpu }) => {
      const vm = supervisor.get(name);
      await vm.releaseCpu(cpu);
      return vm.status();
    },
    'cpu.step': ({ vm, cpu, count }) => supervisor.get(vm).step(cpu ?? 0, count ?? 1),
    'cpu.setBreakpoints': ({ vm, ...points }) => supervisor.get(vm).setBreakpoints(points),
    'cpu.breakpoints': ({ vm }) => supervisor.get(vm).breakpoints(),
    'disk.list': ({ vm }) => supervisor.get(vm).disks(),
    'network.list': ({ vm }) => supervisor.get(vm).cards(),
    'network.addForward': ({ vm, ...forward }) => supervisor.get(vm).changeNetwork('addForward', forward),
    'network.removeForward': ({ vm, ...forward }) => supervisor.get(vm).changeNetwork('removeForward', forward),
    'network.setLink': ({ vm, ...link }) => supervisor.get(vm).changeNetwork('setLink', link),
    'memory.dump': ({ vm, name }) => supervisor.get(vm).dump(name),
    'memory.setBalloon': ({ vm, bytes }) => supervisor.get(vm).balloon(bytes),
    'memory.balloon': ({ vm }) => supervisor.get(vm).balloon(),
    'memory.write': async ({ vm, ...bytes }) => ({ written: await supervisor.get(vm).writeMemory(bytes) }),
    'memory.read': async ({ vm, ...range }) => {
      const base64 = await supervisor.get(vm).read(range);
      return { address: range.address.toLowerCase(), base64 };
    },
  } satisfies Partial<Methods>;
}

function snapshotMethods({ supervisor }: MethodContext) {
  return {
    'snapshot.save': ({ vm, name }) => supervisor.get(vm).saveSnapshot(name),
    'snapshot.load': async ({ vm: guest, name }) => {
      const vm = supervisor.get(guest);
      await vm.loadSnapshot(name);
      return vm.status();
    },
    'snapshot.list': ({ vm }) => ({ snapshots: supervisor.get(vm).folder.snapshots() }),
    'snapshot.delete': ({ vm, name }) => {
      supervisor.get(vm).deleteSnapshot(name);
      return {};
    },
  } satisfies Partial<Methods>;
}

function perfMethods({ supervisor, logTail }: MethodContext) {
  return {
    'perf.counters': ({ vm }) => supervisor.get(vm).counters(),
    'perf.hotBlocks': ({ vm, top, by }) => supervisor.get(vm).hotBlocks(top ?? defaultHotBlocks, by ?? 'instructions'),
    'perf.subscribe': ({ vm: name, interval }, session) => {
      const vm = supervisor.get(name);
      return { subscription: session.addStream((number, wake) => new PerfStream(number, vm, interval, wake)) };
    },
    'perf.unsubscribe': ({ subscription }, session) => {
      session.removeStream('subscription', subscription);
      return {};
    },
    'log.read': ({ vm, lines }) => {
      const count = lines ?? defaultLogLines;
      return { lines: vm === undefined ? logTail.last(count) : supervisor.get(vm).folder.readLog(count) };
    },
  } satisfies Partial<Methods>;
}

function traceMethods({ supervisor }: MethodContext) {
  return {
    'trace.start': ({ vm, ...settings }) => supervisor.get(vm).startTrace(settings),
    'trace.stop': async ({ vm }) => {
      await supervisor.get(vm).stopTrace();
      return {};
    },
    'trace.status': ({ vm }) => supervisor.get(vm).traceStatus(),
    'trace.read': ({ vm, ...range }) => supervisor.get(vm).readTrace(range),
  } satisfies Partial<Methods>;
}

function monitorMethods({ events, startedAt, sessions, shutDown }: MethodContext) {
  return {
    // The session answers it itself: it is about the session.
    'monitor.authenticate': (_params, session) => ({ role: session.role }),
    'monitor.version': (_params, session) => ({
      version: version(),
      protocol: protocolVersion,
      pid: process.pid,
      startedAt,
      role: session.role,
    }),
    'monitor.schema': () => protocolSchema(),
    'monitor.subscribe': ({ cursor, ...filter }, session) => {
      const asked = cursor === undefined ? events.last : events.position(cursor);
      const missed = events.missedSince(asked);
      const position = asked + missed;
      const subscription = session.addStream((number, wake) => new EventStream(number, events, filter, position, wake));
      return { subscription, cursor: events.cursor(position), missed };
    },
    'monitor.unsubscribe': ({ subscription }, session) => {
      session.removeStream('subscription', subscription);
      return {};
    },
    'monitor.events': ({ cursor, limit, ...filter }) => {
      const most = limit ?? defaultEvents;
      const asked = cursor === undefined ? Math.max(0, events.last - most) : events.position(cursor);
      const missed = events.missedSince(asked);
      let position = asked + missed;
      const found = [];
      while (found.length < most) {
        const batch = events.read(position, most);
        if (batch.length === 0) break;
        for (const event of batch) {
          if (found.length === most) break;
          position = event.seq;
          if (passes(filter, event)) found.push(events.publish(event));
        }
      }
      return { events: found, cursor: events.cursor(position), missed: cursor === undefined ? 0 : missed };
    },
    'monitor.clients': () => ({ clients: [...sessions()].map((session) => session.describe()) }),
    'monitor.shutdown': () => {
      setImmediate(() => shutDown('monitor.shutdown'));
      return {};
    },
  } satisfies Partial<Methods>;
}
