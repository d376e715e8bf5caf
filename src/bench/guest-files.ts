// What the guests boot: the image debian-busybox, and for the suite the workloads in its root folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cpioArchive } from '../images/cpio.js';
import { ensureImage } from '../images/ensure.js';

export interface GuestFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
}

/** The shell's prompt in that image. */
export const prompt = /beeline:.*# $/;

export async function plainGuest(): Promise<GuestFiles> {
  const { kernel, initrd, append = '' } = await ensureImage('debian-busybox', { quiet: false });
  if (kernel === undefined || initrd === undefined) throw new Error('the image lacks a kernel or an initrd');
  return { kernel, initrd, append };
}

/** Adds an archive that the kernel unpacks after the image's own. */
export function withProgram(files: GuestFiles, program: string, folder: string): GuestFiles {
  const extra = cpioArchive([{ type: 'file', path: 'kern', mode: 0o755, data: readFileSync(program) }]);
  const initrd = join(folder, 'initrd');
  writeFileSync(initrd, Buffer.concat([readFileSync(files.initrd), gzipSync(extra)]));
  return { ...files, initrd };
}
