// Checks the files named on the command line before anything starts, so that a mistake costs no boot.
import { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import type { Drive } from '../native/addon.js';

/** Refuses what is missing, not a regular file (or folder, where they do), or not readable. Returns its size in bytes. */
export function checkReadable(option: string, path: string, { folders = false } = {}): number {
  let size: number;
  try {
    const stat = statSync(path);
    if (folders && stat.isDirectory()) {
      accessSync(path, constants.R_OK | constants.X_OK);
      return stat.size;
    }
    if (stat.isDirectory()) {
      throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option, path, detail: 'it is a folder' });
    }
    if (!stat.isFile()) {
      throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option, path, detail: 'it is not a regular file' });
    }
    size = stat.size;
    closeSync(openSync(path, 'r'));
  } catch (error) {
    if (error instanceof BeelineError) throw error;
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new BeelineError('BEELINE_E_FILE_MISSING', { option, path });
    throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option, path, detail: code ?? messageOf(error) }, error);
  }
  return size;
}

/** Refuses a drive that could not be opened. Block devices are drives too. */
export function checkDrive(option: string, { path, readonly, snapshot }: Drive): void {
  if (!existsSync(path) || !statSync(path).isBlockDevice()) checkReadable(option, path);
  if (readonly || snapshot) return;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const detail = `${systemCode(error) ?? messageOf(error)}; ,readonly and ,snapshot need not write`;
    throw new BeelineError('BEELINE_E_FILE_UNWRITABLE', { option, path, detail }, error);
  }
}

function readAt(path: string, offset: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
  } finally {
    closeSync(file);
  }
}

// What Linux unpacks as an initramfs or mounts as an initrd (init/initramfs.c, lib/decompress.c, init/do_mounts_rd.c).
const initrdMagics: readonly { readonly offset: number; readonly bytes: string }[] = [
  { offset: 0, bytes: Buffer.from('070701').toString('hex') },
  { offset: 0, bytes: Buffer.from('070702').toString('hex') },
  { offset: 0, bytes: '1f8b' },
  { offset: 0, bytes: '1f9e' },
  { offset: 0, bytes: Buffer.from('BZh').toString('hex') },
  { offset: 0, bytes: '5d0000' },
  { offset: 0, bytes: 'fd377a585a00' },
  { offset: 0, bytes: '894c5a4f' },
  { offset: 0, bytes: '02214c18' },
  { offset: 0, bytes: '28b52ffd' },
  { offset: 0, bytes: Buffer.from('-rom1fs-').toString('hex') },
  { offset: 0, bytes: Buffer.from('hsqs').toString('hex') },
  { offset: 0, bytes: '453dcd28' },
  { offset: 1080, bytes: '53ef' },
];

export function checkInitrd(option: string, path: string): void {
  checkReadable(option, path);
  const found = initrdMagics.some(
    ({ offset, bytes }) => readAt(path, offset, bytes.length / 2).toString('hex') === bytes,
  );
  if (!found) {
    throw new BeelineError('BEELINE_E_FILE_KIND', {
      option,
      path,
      expected: 'an initial RAM disk (a cpio archive, compressed or not, or a file system image)',
    });
  }
}

/** The header of a flattened device tree (Devicetree specification, 5.2). */
export function checkDtb(option: string, path: string): void {
  const size = checkReadable(option, path);
  const header = readAt(path, 0, 8);
  if (header.length < 8 || header.readUInt32BE(0) !== 0xd00dfeed || header.readUInt32BE(4) > size) {
    throw new BeelineError('BEELINE_E_FILE_KIND', {
      option,
      path,
      expected: 'a device tree blob, as dtc -O dtb writes',
    });
  }
}

/** Refuses a path that could not be created or overwritten. Creates nothing. */
export function checkWritable(option: string, path: string): void {
  try {
    if (existsSync(path)) {
      if (statSync(path).isDirectory()) {
        throw new BeelineError('BEELINE_E_FILE_UNWRITABLE', { option, path, detail: 'it is a folder' });
      }
      closeSync(openSync(path, 'r+'));
    } else {
      const folder = dirname(resolve(path));
      if (!statSync(folder).isDirectory()) {
        throw new BeelineError('BEELINE_E_FILE_UNWRITABLE', { option, path, detail: `${folder} is not a folder` });
      }
      accessSync(folder, constants.W_OK | constants.X_OK);
    }
  } catch (error) {
    if (error instanceof BeelineError) throw error;
    const detail =
      systemCode(error) === 'ENOENT' ? 'its folder does not exist' : (systemCode(error) ?? messageOf(error));
    throw new BeelineError('BEELINE_E_FILE_UNWRITABLE', { option, path, detail }, error);
  }
}
