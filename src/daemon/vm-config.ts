// From what a client asks for to what the core takes. Everything that can be checked is checked here, before a process
// is made.

import { checkDrive, checkDtb, checkInitrd, checkReadable, checkWritable } from '../cli/files.js';
import { checkCpus } from '../cli/parse.js';
import { checkShares } from '../cli/share-option.js';
import { BeelineError } from '../errors.js';
import { describeHost } from '../host.js';
import { inspectCache } from '../images/cache.js';
import { imageDrive } from '../images/drive.js';
import { type BuiltImage, bootFiles, resolveRunnable } from '../images/ensure.js';
import { checkHostMemory } from '../memory-size.js';
import type { VmConfig, VmDrive, VmNetwork, VmPort } from '../monitor/domains/vm.js';
import type { Drive, Port } from '../native/addon.js';
import type { StartFile } from './guest/protocol.js';

const defaultMemory = 1024 * 1024 * 1024;

/** Whether it uses files or the network of the host, which only an administrator may choose. */
export function usesHost({
  kernel,
  initrd,
  dtb,
  firmware,
  firmwareVars,
  loads,
  drives,
  networks,
  shares,
  ports,
}: VmConfig): boolean {
  const paths = [kernel, initrd, dtb, firmware, firmwareVars];
  return (
    paths.some((path) => path !== undefined) ||
    [loads, drives, networks, shares, ports].some((list) => (list ?? []).length > 0)
  );
}

function nativeDrive({ path, format, readonly, snapshot, at, serial, aio, bus }: VmDrive): Drive {
  return {
    path,
    format: format ?? 'probe',
    readonly: readonly ?? false,
    snapshot: snapshot ?? false,
    at: at ?? '',
    serial: serial ?? '',
    aio: aio ?? 'auto',
    bus: bus ?? 'mmio',
  };
}

function nativeNetwork({ kind, mac, restrict, forwards, interface: name, bus }: VmNetwork) {
  const wrong = kind === 'tap' ? (restrict ?? forwards) !== undefined || name === undefined : name !== undefined;
  if (wrong) {
    const detail =
      kind === 'tap' ? 'a network of kind tap has an interface alone' : 'a network of kind user has no interface';
    throw new BeelineError('BEELINE_E_PARAMS', { method: 'vm.create', detail });
  }
  return {
    kind,
    mac: mac ?? '',
    restrict: restrict ?? false,
    forwards: (forwards ?? []).map(({ hostAddress, guestAddress, ...rest }) => {
      return { hostAddress: hostAddress ?? '', guestAddress: guestAddress ?? '', ...rest };
    }),
    interface: name ?? '',
    bus: bus ?? ('mmio' as const),
  };
}

function nativePort({ console, name, kind, path, truncate, bus }: VmPort): Port {
  const isConsole = console ?? false;
  const wrong = [
    [!isConsole && name === undefined, 'a port that is no console needs a name'],
    [
      (kind === 'serial') !== (path === undefined),
      'a port of kind socket or file has a path, one of kind serial has none',
    ],
    [truncate !== undefined && kind !== 'file', 'truncate is for ports of kind file'],
  ] as const;
  const detail = wrong.find(([isWrong]) => isWrong)?.[1];
  if (detail !== undefined) throw new BeelineError('BEELINE_E_PARAMS', { method: 'vm.create', detail });
  return {
    console: isConsole,
    name: name ?? '',
    kind,
    path: path ?? '',
    truncate: truncate ?? false,
    bus: bus ?? 'mmio',
  };
}

/** The place among its ports of a virtio console: of the one that viewers see, or of one by its number. */
export function consolePort(vm: string, { ports = [] }: VmConfig, console?: number): number {
  if (console !== undefined) {
    const consoles = ports.flatMap((port, index) => (port.console === true ? [index] : []));
    const index = consoles[console];
    if (index === undefined) throw new BeelineError('BEELINE_E_CONSOLE_UNKNOWN', { vm, console });
    return index;
  }
  const shown = ports.findIndex(({ kind }) => kind === 'serial');
  if (ports[shown]?.console === true) return shown;
  const what = shown === -1 ? 'its PL011 serial port' : 'a port that is no terminal';
  throw new BeelineError('BEELINE_E_CONSOLE_SIZE', { vm, what });
}

/** Whether viewers see a virtio console, which has a size. */
export function hasConsoleSize({ ports = [] }: VmConfig): boolean {
  return ports.some(({ kind, console }) => kind === 'serial' && console === true);
}

/** An image that is built; nothing is built here. */
function builtImage(name: string): BuiltImage {
  const { image, guest } = resolveRunnable(name);
  const cache = inspectCache(image);
  if (cache.state === 'ready') return bootFiles(image, guest, cache.manifest);
  if (cache.state === 'broken') {
    throw new BeelineError('BEELINE_E_IMAGE_BROKEN', { name: image.definition.name, detail: cache.detail });
  }
  throw new BeelineError('BEELINE_E_IMAGE_NOT_BUILT', { name: image.definition.name });
}

/** Throws what is wrong with files, memory, CPUs or the image. */
export function nativeConfig(config: VmConfig): StartFile['config'] {
  const { image: name, kernel, firmware, loads = [] } = config;
  if (name === undefined && kernel === undefined && firmware === undefined && loads.length === 0) {
    throw new BeelineError('BEELINE_E_PARAMS', {
      method: 'vm.create',
      detail: 'config has no image, kernel, firmware or loads',
    });
  }
  if (config.countBlocks === true && config.tier === 'interpreter') {
    throw new BeelineError('BEELINE_E_PARAMS', { method: 'vm.create', detail: 'countBlocks is for the tier direct' });
  }
  if (kernel !== undefined) checkReadable('kernel', kernel);
  if (config.initrd !== undefined) checkInitrd('initrd', config.initrd);
  if (config.dtb !== undefined) checkDtb('dtb', config.dtb);
  if (firmware !== undefined) checkReadable('firmware', firmware);
  if (config.firmwareVars !== undefined) checkWritable('firmwareVars', config.firmwareVars);
  for (const load of loads) checkReadable('loads', load.path);
  const drives = (config.drives ?? []).map(nativeDrive);
  const networks = (config.networks ?? []).map(nativeNetwork);
  const ports = (config.ports ?? []).map(nativePort);
  const shares = checkShares(
    (config.shares ?? []).map((share) => ({ ...share, readonly: share.readonly ?? false, bus: share.bus ?? 'mmio' })),
  );
  for (const drive of drives) checkDrive('drives', drive);
  const image = name === undefined ? undefined : builtImage(name);
  const memoryBytes = config.memoryBytes ?? image?.memory ?? defaultMemory;
  const cpus = config.cpus ?? image?.cpus ?? 1;
  const gicVersion = config.gic ?? 3;
  checkHostMemory(memoryBytes, describeHost().memory);
  checkCpus(cpus, gicVersion);
  return {
    memoryBytes,
    cpus,
    cpuModel: config.cpu ?? 'n1',
    gicVersion,
    kernel: kernel ?? image?.kernel ?? '',
    initrd: config.initrd ?? image?.initrd ?? '',
    dtb: config.dtb ?? '',
    append: config.append ?? image?.append ?? '',
    firmware: firmware ?? image?.firmware ?? '',
    firmwareVars: config.firmwareVars ?? '',
    ...(config.acpi !== undefined && { acpi: config.acpi }),
    loads,
    drives: image?.disk === undefined ? drives : [imageDrive(image.disk), ...drives],
    networks,
    balloon: config.balloon ?? 'none',
    shares: [...shares],
    ports,
    noReboot: config.reboot === false,
    tier: config.tier ?? 'direct',
    disable: [],
    verify: false,
    perfMap: false,
    keepDetails: config.countBlocks ?? false,
  };
}
