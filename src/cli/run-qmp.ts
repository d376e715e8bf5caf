// QMP of `beeline run`: the guest of this process, and what becomes of it in QMP's words.
import { openSync } from 'node:fs';
import { noSpaceEvents } from '../qmp/blocks.js';
import type { QmpEvent, RunState } from '../qmp/commands.js';
import type { QmpChardev, QmpHost, QmpMachineConfig } from '../qmp/host.js';
import { type QmpAddress, QmpServer } from '../qmp/server.js';
import { type EndReason, outcome, type PanicAction } from '../vm/outcome.js';
import type { Session, SessionEvent, SessionState } from '../vm/session.js';
import type { SerialTarget } from './parse.js';

const runStates: Readonly<Record<SessionState, RunState>> = {
  prelaunch: 'prelaunch',
  running: 'running',
  paused: 'paused',
  'lacks-space': 'io-error',
  panicked: 'guest-panicked',
  ended: 'shutdown',
};

const shutdownReasons: Readonly<Record<EndReason, { readonly guest: boolean; readonly reason: string }>> = {
  poweroff: { guest: true, reason: 'guest-shutdown' },
  reset: { guest: true, reason: 'guest-reset' },
  panic: { guest: true, reason: 'guest-panic' },
  quit: { guest: false, reason: 'host-qmp-quit' },
  signal: { guest: false, reason: 'host-signal' },
  failure: { guest: false, reason: 'host-error' },
  until: { guest: false, reason: 'host-ui' },
  timeout: { guest: false, reason: 'host-ui' },
  job: { guest: false, reason: 'host-ui' },
};

const panicWords: Readonly<Record<PanicAction, string>> = {
  pause: 'pause',
  shutdown: 'poweroff',
  'exit-failure': 'poweroff',
  none: 'run',
};

/** What machines have that were given none, as with QEMU. */
const noUuid = '00000000-0000-0000-0000-000000000000';

function serialChardev(target: SerialTarget): QmpChardev {
  const open = { label: 'serial0', 'frontend-open': true };
  if (target.kind === 'none') return { ...open, filename: 'null' };
  return { ...open, filename: 'path' in target ? `${target.kind}:${target.path}` : target.kind };
}

export class RunQmp {
  readonly #session: Session;
  readonly #config: QmpMachineConfig;
  readonly #server: QmpServer;

  constructor(session: Session, name: string | undefined, config: QmpMachineConfig, serial: SerialTarget) {
    this.#session = session;
    this.#config = config;
    const host: QmpHost = {
      name,
      uuid: noUuid,
      config,
      chardevs: [serialChardev(serial)],
      get runState() {
        return runStates[session.state];
      },
      debugger: session.debugger,
      pause: () => session.pause(),
      resume: () => session.resume(),
      reset: () => session.reset(),
      powerdown: () => session.powerdown(),
      quit: () => {
        setImmediate(() => session.finish(outcome('quit', 'QMP', 0)));
      },
      stats: () => session.stats(),
      dtb: () => session.dtb(),
      setBalloon: (bytes) => session.setBalloon(bytes),
      balloon: () => session.balloon(),
      setPanicAction: (action) => session.setPanicAction(action),
      setReboot: (mayReboot) => session.setNoReboot(!mayReboot),
      snapshots: undefined,
      // Clients are who started this process: what they name is theirs.
      createFile: (path) => openSync(path, 'w', 0o600),
    };
    this.#server = new QmpServer(host);
  }

  listen(address: QmpAddress): Promise<void> {
    return this.#server.listen(address);
  }

  happened(event: SessionEvent): void {
    for (const { name, data } of this.#inWords(event)) this.#server.event(name, data);
  }

  #inWords(event: SessionEvent): QmpEvent[] {
    switch (event.kind) {
      case 'paused':
        return [...noSpaceEvents(this.#config.drives, event.reason), { name: 'STOP', data: {} }];
      case 'resumed':
        return [{ name: 'RESUME', data: {} }];
      case 'powerdown':
        return [{ name: 'POWERDOWN', data: {} }];
      case 'panicked':
        return [{ name: 'GUEST_PANICKED', data: { action: panicWords[this.#session.panicAction] } }];
      case 'reset': {
        const reason = event.byGuest ? 'guest-reset' : 'host-qmp-system-reset';
        return [{ name: 'RESET', data: { guest: event.byGuest, reason } }];
      }
      case 'ended':
        return [{ name: 'SHUTDOWN', data: shutdownReasons[event.outcome.reason] }];
    }
  }

  close(): void {
    this.#server.close();
  }
}
