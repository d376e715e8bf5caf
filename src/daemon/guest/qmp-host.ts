// A guest as QMP sees it, and its events in QMP's words.
import { constants, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { StateCause, VmState } from '../../monitor/types.js';
import { noSpaceEvents } from '../../qmp/blocks.js';
import type { QmpEvent, RunState } from '../../qmp/commands.js';
import type { QmpHost } from '../../qmp/host.js';
import type { GuestFolder } from '../guest-folder.js';
import type { Guest } from './guest.js';
import type { GuestEvent, StartFile } from './protocol.js';

/** Files that clients may leave in a guest's folder. */
const mostDumps = 16;

function runState(guest: Guest): RunState {
  if (guest.state === 'stopped') return 'shutdown';
  if (guest.state === 'crashed') return 'internal-error';
  if (guest.state === 'running') return 'running';
  if (guest.lacksSpace) return 'io-error';
  if (guest.panicked) return 'guest-panicked';
  return guest.hasRun ? 'paused' : 'prelaunch';
}

/** Clients need not be the daemon's owner: they write to one folder only, by a plain name, and over nothing but files. */
function createDump(folder: GuestFolder, path: string): number {
  const name = basename(path);
  if (path !== name && dirname(path) !== folder.dumps) throw new Error(`clients write to ${folder.dumps}`);
  if (name === '.' || name === '..') throw new Error('it is no name of a file');
  mkdirSync(folder.dumps, { recursive: true, mode: 0o700 });
  const others = readdirSync(folder.dumps).filter((other) => other !== name);
  if (others.length >= mostDumps) throw new Error(`there are ${mostDumps} files already`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  return openSync(folder.at(`dumps/${name}`), flags, 0o600);
}

/** The path of a snapshot. Throws when there is none of that name. */
function existing(folder: GuestFolder, name: string): string {
  if (folder.describeSnapshot(name) === undefined) throw new Error(`Snapshot '${name}' does not exist`);
  return folder.snapshot(name);
}

export function createQmpHost(guest: Guest, start: StartFile, folder: GuestFolder): QmpHost {
  const { config, name, id } = start;
  return {
    name,
    uuid: id,
    config: { ...config, drives: config.drives ?? [] },
    chardevs: [{ label: 'serial0', filename: 'beeline', 'frontend-open': true }],
    get runState() {
      return runState(guest);
    },
    debugger: guest.debugger,
    pause: () => guest.pause(),
    resume: () => guest.resume(),
    reset: () => guest.reset(),
    powerdown: () => guest.powerdown(),
    quit: () => {
      setImmediate(() => guest.stop('request'));
    },
    stats: () => guest.stats(),
    dtb: () => guest.dtb(),
    setBalloon: (bytes) => guest.setBalloon(bytes),
    balloon: () => guest.balloonBytes(),
    setPanicAction: (action) => guest.setPanicAction(action),
    setReboot: (mayReboot) => guest.setReboot(mayReboot),
    snapshots: {
      save: (name) => guest.saveSnapshot(folder.snapshot(name), name),
      load: (name) => guest.loadSnapshot(existing(folder, name), name),
      delete: (name) => rmSync(existing(folder, name)),
    },
    createFile: (path) => createDump(folder, path),
  };
}

const shutdownReasons: Readonly<Record<StateCause, { readonly guest: boolean; readonly reason: string }>> = {
  request: { guest: false, reason: 'host-qmp-quit' },
  guest: { guest: true, reason: 'guest-shutdown' },
  reset: { guest: true, reason: 'guest-reset' },
  panic: { guest: true, reason: 'guest-panic' },
  failure: { guest: false, reason: 'host-error' },
  killed: { guest: false, reason: 'host-signal' },
  policy: { guest: false, reason: 'host-ui' },
  debugger: { guest: false, reason: 'host-ui' },
};

/** None for what QMP has no event for. */
export function qmpEvents({ event, data }: GuestEvent, guest: Guest): QmpEvent[] {
  switch (event) {
    case 'vm.state':
      return stateEvents(data as StateChange, guest);
    case 'vm.reset': {
      const byGuest = (data as { cause: string }).cause === 'guest';
      const reason = byGuest ? 'guest-reset' : 'host-qmp-system-reset';
      return [{ name: 'RESET', data: { guest: byGuest, reason } }];
    }
    case 'vm.powerdown':
      return [{ name: 'POWERDOWN', data: {} }];
    case 'vm.panicked': {
      const action = ({ none: 'run', pause: 'pause' } as Record<string, string>)[guest.panicAction] ?? 'poweroff';
      return [{ name: 'GUEST_PANICKED', data: { action } }];
    }
    default:
      return [];
  }
}

interface StateChange {
  readonly from: VmState;
  readonly to: VmState;
  readonly cause: StateCause;
  readonly detail: string;
}

function stateEvents({ from, to, cause, detail }: StateChange, guest: Guest): QmpEvent[] {
  if (to === 'paused' && from === 'running') {
    return [...(guest.lacksSpace ? noSpaceEvents(guest.drives, detail) : []), { name: 'STOP', data: {} }];
  }
  if (to === 'running' && from === 'paused') return [{ name: 'RESUME', data: {} }];
  if (to === 'stopped' || to === 'crashed') return [{ name: 'SHUTDOWN', data: shutdownReasons[cause] }];
  return [];
}
