// What a guest's process may touch of the host's files: its program, what it was given, and its own folder.
import { closeSync, existsSync, linkSync, openSync, readSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BeelineError, messageOf } from '../../errors.js';
import type { AllowedPath } from '../../native/addon.js';
import { findAddon } from '../../native/loader.js';
import { projectRoot } from '../../paths.js';
import type { GuestFolder } from '../guest-folder.js';
import type { StartFile } from './protocol.js';

type Config = StartFile['config'];

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

const qcow2Magic = 0x514649fb;
const longestName = 1023;
const longestChain = 64;

/** The file below a qcow2 image, as its header names it; undefined when there is none. */
function backingFile(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(20);
    if (readSync(file, header, 0, header.length, 0) < header.length) return undefined;
    if (header.readUInt32BE(0) !== qcow2Magic) return undefined;
    const length = header.readUInt32BE(16);
    const offset = Number(header.readBigUInt64BE(8));
    if (offset === 0 || length === 0 || length > longestName || !Number.isSafeInteger(offset)) return undefined;
    const name = Buffer.alloc(length);
    readSync(file, name, 0, length, offset);
    return resolve(dirname(path), name.toString().replace(/^file:/, ''));
  } finally {
    closeSync(file);
  }
}

/** The core refuses what is wrong with an image, and says so. */
function withBackingFiles(path: string): string[] {
  const chain = [path];
  try {
    for (let next = backingFile(path); next !== undefined && chain.length < longestChain; next = backingFile(next)) {
      if (chain.includes(next)) break;
      chain.push(next);
    }
  } catch {
    // What is missing cannot be allowed.
  }
  return chain;
}

function drivePaths({ drives = [] }: Config): AllowedPath[] {
  return drives.flatMap(({ path, readonly, snapshot }) => {
    const [first = path, ...below] = withBackingFiles(path);
    const access = readonly || snapshot ? 'read' : 'write';
    return [{ path: first, access } as const, ...below.map((file) => ({ path: file, access: 'read' as const }))];
  });
}

/** Files are there already: see makeFiles(). */
function portPaths({ ports = [] }: Config): AllowedPath[] {
  return ports.flatMap(({ kind, path }): AllowedPath[] => {
    if (kind === 'serial') return [];
    return [kind === 'file' ? { path, access: 'write' } : { path: dirname(path), access: 'listen' }];
  });
}

export function allowedPaths(folder: GuestFolder, config: Config): AllowedPath[] {
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
    ...drivePaths(config),
    ...portPaths(config),
    ...(config.shares ?? []).map(({ path, readonly }) => ({ path, access: readonly ? 'read' : 'share' }) as const),
    ...(config.firmwareVars === '' ? [] : [{ path: config.firmwareVars, access: 'write' as const }]),
    ...(usesTap ? [{ path: '/dev/net/tun', access: 'write' as const }] : []),
    { path: folder.path, access: 'own' },
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
