// What a snapshot's file says about its machine, for whoever makes one like it.
import { resolve } from 'node:path';
import { BeelineError } from '../errors.js';
import type { Addon, NativeMachineConfig } from '../native/addon.js';
import { fromNative } from './machine.js';

/** What every machine has, one of each: the file may hold anything. */
const pattern = {
  memoryBytes: 0,
  cpus: 0,
  cpuModel: '',
  gicVersion: 0,
  kernel: '',
  initrd: '',
  dtb: '',
  append: '',
  firmware: '',
  firmwareVars: '',
  loads: [{ path: '', address: 0 }],
  drives: [{ path: '', format: '', readonly: false, snapshot: false, at: '', serial: '', aio: '' }],
  networks: [
    {
      kind: '',
      mac: '',
      restrict: false,
      forwards: [{ protocol: '', hostAddress: '', hostPort: 0, guestAddress: '', guestPort: 0 }],
      interface: '',
    },
  ],
  shares: [{ path: '', tag: '', readonly: false }],
  ports: [{ console: false, name: '', kind: '', path: '', truncate: false }],
  noReboot: false,
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value has all that the pattern has, of the same kinds. */
function isLike(value: unknown, like: unknown): boolean {
  if (Array.isArray(like)) return Array.isArray(value) && value.every((element) => isLike(element, like[0]));
  if (!isObject(like)) return typeof value === typeof like && (typeof value !== 'number' || Number.isFinite(value));
  return isObject(value) && Object.entries(like).every(([name, part]) => isLike(value[name], part));
}

function isMachine(value: unknown): value is NativeMachineConfig {
  return isLike(value, pattern);
}

const absolute = (path: string) => (path === '' ? '' : resolve(path));

/** For saveSnapshot(). The files keep their names wherever Beeline is started next. */
export function describeMachine(config: NativeMachineConfig): string {
  const { snapshot: _, ...machine } = config;
  return JSON.stringify({
    ...machine,
    kernel: absolute(config.kernel),
    initrd: absolute(config.initrd),
    dtb: absolute(config.dtb),
    firmware: absolute(config.firmware),
    firmwareVars: absolute(config.firmwareVars),
    loads: config.loads.map((load) => ({ ...load, path: absolute(load.path) })),
    drives: config.drives.map((drive) => ({ ...drive, path: absolute(drive.path) })),
    shares: config.shares.map((share) => ({ ...share, path: absolute(share.path) })),
    ports: config.ports.map((port) => ({ ...port, path: absolute(port.path) })),
  } satisfies NativeMachineConfig);
}

/** The machine that a file holds. Throws BeelineError. */
export function savedMachine(addon: Addon, path: string): NativeMachineConfig {
  let text: string;
  try {
    text = addon.snapshotDescription(path);
  } catch (error) {
    throw fromNative(error);
  }
  let machine: unknown;
  try {
    machine = JSON.parse(text);
  } catch {
    machine = undefined;
  }
  if (isMachine(machine)) return { ...machine, snapshot: path };
  throw new BeelineError('BEELINE_E_SNAPSHOT', {
    path,
    detail: 'it does not say what machine it is of',
    remedy: 'give a file that --snapshot-save has written',
  });
}
