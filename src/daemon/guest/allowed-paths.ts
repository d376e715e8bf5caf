// What a process that runs a guest may touch of the host's files: its program, what it was given, and a folder of its own.
import { closeSync, existsSync, linkSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BeelineError, messageOf } from '../../errors.js';
import type { AllowedPath, Drive, NativeMachineConfig, Network, Port, Share } from '../../native/addon.js';
import { findAddon } from '../../native/loader.js';
import { projectRoot } from '../../paths.js';
import type { GuestFolder } from '../guest-folder.js';
import type { StartFile } from './protocol.js';

type Config = Pick<NativeMachineConfig, 'kernel' | 'initrd' | 'dtb' | 'firmware' | 'firmwareVars' | 'loads'> & {
  readonly drives?: readonly Drive[];
  readonly networks?: readonly Network[];
  readonly ports?: readonly Port[];
  readonly shares?: readonly Share[];
};

/** Of Node, its libraries, and name resolution. */
const system: readonly AllowedPath[] = [
  ...['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].map((path) => ({
    path,
    access: 'execute' as const,
  })),
  ...['/usr/share/nodejs', '/usr/share/zoneinfo', '/proc', '/sys', '/dev/zero', '/dev/random', '/dev/urandom']
    .concat(['/etc/ld.so.cache', '/etc/ld.so.preload', '/etc/localtime', '/etc/ssl/openssl.cnf'])
    .concat(['/etc/resolv.conf', '/etc/hosts', '/etc/host.conf', '/etc/nsswitch.conf', '/etc/gai.conf'])
    .map((path) => ({ path, access: 'read' as const })),
  { path: '/dev/null', access: 'write' },
];

/** `backing`: the files below, which nobody writes to. */
function drivePaths({ drives = [] }: Config, backing: readonly string[]): AllowedPath[] {
  return [
    ...drives.map(
      ({ path, readonly, snapshot }) => ({ path, access: readonly || snapshot ? 'read' : 'write' }) as const,
    ),
    ...backing.map((path) => ({ path, access: 'read' as const })),
  ];
}

/** Files are there already: see makeFiles(). */
function portPaths({ ports = [] }: Config): AllowedPath[] {
  return ports.flatMap(({ kind, path }): AllowedPath[] => {
    if (kind === 'serial') return [];
    return [kind === 'file' ? { path, access: 'write' } : { path: dirname(path), access: 'listen' }];
  });
}

/** For a guest's process of the daemon. */
export function allowedPaths(folder: GuestFolder, { config, backing = [] }: StartFile): AllowedPath[] {
  return [...machinePaths(config, backing), { path: folder.path, access: 'own' }];
}

/** What a machine needs: the program, and what it is made of. `backing`: the files below its drives. */
export function machinePaths(config: Config, backing: readonly string[]): AllowedPath[] {
  const given = [config.kernel, config.initrd, config.dtb, config.firmware, ...config.loads.map(({ path }) => path)];
  const addon = realpathSync(findAddon());
  const own = [projectRoot, join(projectRoot, 'node_modules'), addon, ...given].filter(
    (path) => path !== '' && existsSync(path),
  );
  const usesTap = (config.networks ?? []).some(({ kind }) => kind === 'tap');
  return [
    ...system,
    { path: process.execPath, access: 'execute' },
    ...own.map((path) => ({ path: realpathSync(path), access: 'read' as const })),
    ...drivePaths(config, backing),
    ...portPaths(config),
    ...(config.shares ?? []).map(({ path, readonly }) => ({ path, access: readonly ? 'read' : 'share' }) as const),
    ...(config.firmwareVars === '' ? [] : [{ path: config.firmwareVars, access: 'write' as const }]),
    ...(usesTap ? [{ path: '/dev/net/tun', access: 'write' as const }] : []),
  ];
}

const varsBytes = 64 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** Makes what may be missing, since a confined process makes no files in others' folders. */
export function makeFiles({ firmwareVars, ports = [] }: Config): void {
  if (firmwareVars !== '' && !existsSync(firmwareVars)) makeFirmwareVars(firmwareVars);
  for (const { kind, path } of ports) {
    if (kind === 'file') closeSync(openSync(path, 'a', 0o666));
  }
}

/** An erased flash, which has its name when it is complete. */
function makeFirmwareVars(path: string): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    const file = openSync(unfinished, 'wx');
    try {
      const erased = Buffer.alloc(pieceBytes, 0xff);
      for (let at = 0; at < varsBytes; at += pieceBytes) writeSync(file, erased, 0, pieceBytes, at);
    } finally {
      closeSync(file);
    }
    linkSync(unfinished, path);
  } catch (error) {
    throw new BeelineError(
      'BEELINE_E_FILE_UNWRITABLE',
      { option: 'firmwareVars', path, detail: messageOf(error) },
      error,
    );
  } finally {
    rmSync(unfinished, { force: true });
  }
}
