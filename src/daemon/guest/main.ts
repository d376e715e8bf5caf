// Entry of a guest's process: node main.js FOLDER. The daemon starts it; it does not need the daemon afterwards.
import { closeSync, writeSync } from 'node:fs';
import { BeelineError, messageOf } from '../../errors.js';
import { GdbServer } from '../../gdb/server.js';
import type { ConsoleSize } from '../../monitor/domains/console.js';
import type { Points } from '../../monitor/domains/cpu.js';
import type { ForwardChange, HostEnd, LinkChange } from '../../monitor/domains/network.js';
import type { TraceRange, TraceSettings } from '../../monitor/domains/trace.js';
import type { BlockOrder } from '../../native/addon.js';
import { loadAddon } from '../../native/loader.js';
import { QmpServer } from '../../qmp/server.js';
import { GuestFolder } from '../guest-folder.js';
import { identify } from '../process-identity.js';
import { ControlSocket } from './control-socket.js';
import { Guest } from './guest.js';
import { type MemoryBytes, type MemoryRange, type Readiness, readinessDescriptor } from './protocol.js';
import { createQmpHost, qmpEvents } from './qmp-host.js';
import { readStart } from './start-file.js';

/** For messages on the socket to leave before the process does, in milliseconds. */
const lingering = 100;

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

/** The daemon may be gone by now, which is no reason to stop. */
function announce(readiness: Readiness): void {
  try {
    writeSync(readinessDescriptor, `${JSON.stringify(readiness)}\n`);
    closeSync(readinessDescriptor);
  } catch (error) {
    say(`nobody waits for this guest: ${messageOf(error)}`);
  }
}

async function main(folder: GuestFolder): Promise<void> {
  const start = readStart(folder);
  process.title = `beeline: ${start.name}`;
  const identity = identify(process.pid);
  if (identity === undefined) throw new BeelineError('BEELINE_E_INTERNAL', { detail: '/proc is not readable' });
  if (!folder.claim(start.start, { process: identity })) {
    say('the daemon has given up waiting for this process');
    process.exit(1);
  }
  let socket: ControlSocket | undefined;
  let qmp: QmpServer | undefined;
  let gdb: GdbServer | undefined;
  const addon = loadAddon();
  const guest = new Guest(addon, folder, start, {
    tell: (notice) => socket?.tell(notice),
    happened: (event) => {
      for (const { name, data } of qmpEvents(event, guest)) qmp?.event(name, data);
    },
    ended: () => {
      say('the guest has ended');
      gdb?.close(0);
      setTimeout(() => {
        socket?.close();
        qmp?.close();
        process.exit(0);
      }, lingering);
    },
  });
  socket = new ControlSocket({
    status: () => ({ state: guest.state, start: start.start, pid: process.pid }),
    pause: () => guest.pause(),
    resume: () => guest.resume(),
    reset: () => guest.reset(),
    powerdown: () => guest.powerdown(),
    stop: () => guest.stop('request'),
    write: ({ base64 }: { base64: string }) => ({ written: guest.write(Buffer.from(base64, 'base64')) }),
    resizeConsole: ({ port, ...size }: { port: number } & ConsoleSize) => guest.resizeConsole(port, size),
    registers: ({ cpu }: { cpu: number }) => guest.registers(cpu),
    read: (range: MemoryRange) => ({ base64: guest.read(range).toString('base64') }),
    balloon: ({ bytes }: { bytes?: number }) => guest.balloon(bytes),
    writeMemory: (bytes: MemoryBytes) => ({ written: guest.writeMemory(bytes) }),
    halt: ({ cpu }: { cpu?: number }) => ({ cpus: guest.halt(cpu) }),
    releaseCpu: ({ cpu }: { cpu: number }) => {
      guest.release(cpu);
      return {};
    },
    step: ({ cpu, count }: { cpu: number; count: number }) => guest.step(cpu, count),
    setBreakpoints: (points: Points) => guest.setPoints(points),
    breakpoints: () => guest.points(),
    saveSnapshot: ({ path }: { path: string }) => guest.saveSnapshot(path),
    loadSnapshot: ({ path }: { path: string }) => guest.loadSnapshot(path),
    dump: async ({ name }: { name: string }) => {
      const path = folder.at(`dumps/${name}`);
      try {
        await qmp?.dump(path);
      } catch (error) {
        throw new BeelineError('BEELINE_E_MEMORY_DUMP', { vm: start.name, detail: messageOf(error) }, error);
      }
      return { path };
    },
    disks: () => ({ disks: guest.disks() }),
    cards: () => ({ cards: guest.cards() }),
    addForward: (forward: ForwardChange) => guest.addForward(forward),
    removeForward: (end: HostEnd) => guest.removeForward(end),
    setLink: (change: LinkChange) => guest.setLink(change),
    hotBlocks: ({ top, by }: { top: number; by: BlockOrder }) => guest.hotBlocks(top, by),
    startTrace: (settings: TraceSettings) => guest.trace.start(settings),
    stopTrace: () => guest.trace.stop(),
    traceStatus: () => guest.trace.status(),
    readTrace: (range: TraceRange) => guest.trace.read(range),
    counters: () => guest.counters(),
  });
  await socket.listen(folder.socket);
  qmp = new QmpServer(createQmpHost(guest, start, folder));
  await qmp.listen({ kind: 'unix', path: folder.qmp });
  gdb = new GdbServer(guest.debugger);
  await gdb.listen({ kind: 'unix', path: folder.gdb });
  process.on('SIGTERM', () => guest.stop('killed', 'SIGTERM'));
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  if (start.sandbox === true) {
    // Files are open, sockets listen. What a network in user mode does for its guest needs sockets later on.
    const networks = start.config.networks ?? [];
    const error = addon.filterSystemCalls(networks.some(({ kind, restrict }) => kind === 'user' && !restrict));
    if (error !== '') throw new BeelineError('BEELINE_E_SANDBOX', { detail: error });
  }
  guest.begin();
  announce({ ready: true });
  say(`guest ${start.name} runs, start ${start.start}`);
}

try {
  await main(new GuestFolder(process.argv[2] ?? ''));
} catch (error) {
  const known =
    error instanceof BeelineError ? error : new BeelineError('BEELINE_E_INTERNAL', { detail: messageOf(error) }, error);
  say(known.message);
  announce({ ready: false, code: known.code, details: known.details });
  process.exit(1);
}
