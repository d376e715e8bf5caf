// What the files of a guest were when they were first handed over. A process writes to its drives, headers included, and a
// guest puts links into folders that it shares. What they say later on is its word: it gives no access to other files.
import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { BeelineError } from '../errors.js';
import type { VmConfig } from '../monitor/domains/vm.js';
import type { StartFile } from './guest/protocol.js';

type Drive = NonNullable<StartFile['config']['drives']>[number];

export const Disk = Type.Object({
  path: Type.String(),
  format: Type.Union([Type.Literal('raw'), Type.Literal('qcow2')]),
  /** The files below it, from the uppermost to the lowest. */
  backing: Type.Array(Type.String()),
});
export type Disk = Static<typeof Disk>;

// The qcow2 header (QEMU's docs/interop/qcow2.rst).
const magic = 0x514649fb;
const headerBytes = 64 * 1024;
const firstExtension = { 2: 72, 3: 104 } as const;
const backingFormatExtension = 0xe2792aca;
const longestName = 1023;
const longestChain = 64;

interface Below {
  readonly path: string;
  readonly format: Drive['format'];
}

/** undefined: it is no qcow2 image. */
function readHeader(path: string): Buffer | undefined {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(headerBytes);
    const length = readSync(file, header, 0, header.length, 0);
    return length >= firstExtension[2] && header.readUInt32BE(0) === magic ? header : undefined;
  } finally {
    closeSync(file);
  }
}

function backingFormat(header: Buffer): Drive['format'] {
  const isFirst = header.readUInt32BE(4) === 2;
  let at: number = isFirst ? firstExtension[2] : Math.max(firstExtension[3], header.readUInt32BE(100));
  while (at + 8 <= header.length) {
    const type = header.readUInt32BE(at);
    const length = header.readUInt32BE(at + 4);
    if (type === 0) break;
    if (type === backingFormatExtension) {
      const name = header.subarray(at + 8, at + 8 + length).toString();
      return name === 'raw' || name === 'qcow2' ? name : 'probe';
    }
    at += 8 + length + ((8 - (length % 8)) % 8);
  }
  return 'probe';
}

/** The core refuses what is wrong with a header, and says so. */
function below(path: string, header: Buffer): Below | undefined {
  const offset = Number(header.readBigUInt64BE(8));
  const length = header.readUInt32BE(16);
  if (offset === 0 || length === 0 || length > longestName || offset + length > header.length) return undefined;
  const name = header.subarray(offset, offset + length).toString();
  return { path: resolve(dirname(path), name.replace(/^file:/, '')), format: backingFormat(header) };
}

/** What a drive is now. Files that cannot be read end the chain: the core refuses them too. */
export function readDisk({ path, format }: Below): Disk {
  const backing: string[] = [];
  let isQcow2 = false;
  try {
    for (let next: Below | undefined = { path, format }; next !== undefined && backing.length < longestChain; ) {
      const header: Buffer | undefined = next.format === 'raw' ? undefined : readHeader(next.path);
      if (header === undefined) break;
      if (next.path === path) isQcow2 = true;
      next = below(next.path, header);
      if (next === undefined || next.path === path || backing.includes(next.path)) break;
      backing.push(next.path);
    }
  } catch {
    // As far as it can be read.
  }
  return { path, format: isQcow2 ? 'qcow2' : 'raw', backing };
}

/** By the name it was given, where each file really lies, or will when it is made. */
export const RealPaths = Type.Record(Type.String(), Type.String());
export type RealPaths = Static<typeof RealPaths>;

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(resolve(path));
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}

export function realPaths(config: VmConfig): RealPaths {
  const { kernel, initrd, dtb, firmware, firmwareVars, loads, drives, shares, ports } = config;
  const lists = [loads, drives, shares, ports].flatMap((list) => (list ?? []).map(({ path }) => path));
  const given = [kernel, initrd, dtb, firmware, firmwareVars, ...lists].filter((path) => path !== undefined);
  return Object.fromEntries(given.map((path) => [path, realPath(path)]));
}

/** Throws BEELINE_E_FILE_CHANGED when a name leads elsewhere now. */
export function checkPaths(vm: string, before: RealPaths, now: RealPaths): void {
  for (const [path, real] of Object.entries(now)) {
    if (before[path] === undefined || before[path] === real) continue;
    throw new BeelineError('BEELINE_E_FILE_CHANGED', { vm, path, detail: `it leads to ${real} now` });
  }
}

/** Throws BEELINE_E_FILE_CHANGED when `now` is more than `before`: of another format, or with files that are new. */
export function checkDisk(vm: string, before: Disk, now: Disk): void {
  const refuse = (detail: string) => {
    throw new BeelineError('BEELINE_E_FILE_CHANGED', { vm, path: now.path, detail });
  };
  if (before.format === 'raw' && now.format === 'qcow2') refuse('it was a raw image and has become a qcow2 image');
  const added = now.backing.find((file) => !before.backing.includes(file));
  if (added !== undefined) refuse(`it has ${added} below it, which it had not`);
}
