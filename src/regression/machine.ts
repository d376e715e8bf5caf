// Makes of a workload what a machine needs: files on this host.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildKern } from '../bench/kern.js';
import { BeelineError } from '../errors.js';
import { type CpioEntry, cpioArchive } from '../images/cpio.js';
import { imageDrive } from '../images/drive.js';
import { type BuiltImage, ensureImage } from '../images/ensure.js';
import { parseMemory } from '../memory-size.js';
import type { Drive } from '../native/addon.js';
import type { Workload } from './workloads.js';

/** An empty initrd is none; with firmware there is neither a kernel nor an initrd. */
export interface Machine {
  /** Empty: none. */
  readonly firmware: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  /** Bytes. */
  readonly memory: number;
  readonly cpus: number;
  /** What is written to them is thrown away. */
  readonly drives: readonly Drive[];
}

/** Where the guest finds a workload's script. */
const scriptPath = 'workload';
const usualMemory = 1024 ** 3;

async function additions({ kern, script }: Workload, signal: AbortSignal): Promise<CpioEntry[]> {
  const file = (path: string, data: Uint8Array): CpioEntry => ({ type: 'file', path, mode: 0o755, data });
  return [
    ...(kern === true ? [file('kern', readFileSync((await buildKern(signal)).guest))] : []),
    ...(script === undefined ? [] : [file(scriptPath, Buffer.from(script))]),
  ];
}

/** What the guest begins with. */
type Begin = Pick<Machine, 'firmware' | 'kernel' | 'initrd' | 'append'>;

function ofFirmware({ name, kern, script, append }: Workload, firmware: string): Begin {
  const impossible = Object.entries({ kern, script, append }).find(
    ([, value]) => value !== undefined && value !== false,
  );
  if (impossible !== undefined) {
    const detail = `${impossible[0]} needs a kernel that Beeline starts, and firmware starts that of this image`;
    throw new BeelineError('BEELINE_E_WORKLOAD', { path: name, detail });
  }
  return { firmware, kernel: '', initrd: '', append: '' };
}

async function ofKernel(workload: Workload, image: BuiltImage, folder: string, signal: AbortSignal): Promise<Begin> {
  if (image.kernel === undefined) {
    const detail = `the image ${workload.image} has neither a kernel nor firmware`;
    throw new BeelineError('BEELINE_E_WORKLOAD', { path: workload.name, detail });
  }
  const added = await additions(workload, signal);
  let initrd = image.initrd ?? '';
  if (added.length > 0) {
    if (image.initrd === undefined) {
      const detail = `the image ${workload.image} has no initramfs for kern or script`;
      throw new BeelineError('BEELINE_E_WORKLOAD', { path: workload.name, detail });
    }
    // The kernel unpacks one archive after the other.
    initrd = join(folder, 'initrd');
    writeFileSync(initrd, Buffer.concat([readFileSync(image.initrd), gzipSync(cpioArchive(added))]));
  }
  const words = [image.append, workload.append, workload.script === undefined ? undefined : `rdinit=/${scriptPath}`];
  return {
    firmware: '',
    kernel: image.kernel,
    initrd,
    append: words.filter((word) => word !== undefined && word !== '').join(' '),
  };
}

/** `folder` has to last as long as the machine. Throws BeelineError. */
export async function prepareMachine(
  workload: Workload,
  folder: string,
  icount: boolean,
  signal: AbortSignal,
): Promise<Machine> {
  const image = await ensureImage(workload.image, { quiet: true });
  const own = join(folder, workload.name);
  mkdirSync(own, { recursive: true });
  const begin =
    image.firmware === undefined ? await ofKernel(workload, image, own, signal) : ofFirmware(workload, image.firmware);
  const drives: Drive[] = image.disk === undefined ? [] : [imageDrive(image.disk)];
  if (workload.disk !== undefined) {
    const path = join(own, 'disk');
    writeFileSync(path, '');
    truncateSync(path, parseMemory(workload.disk));
    drives.push({ path, format: 'raw', readonly: false, snapshot: true, at: '', serial: '', aio: 'auto' });
  }
  const cpus = workload.cpus ?? image.cpus ?? 1;
  if (icount && cpus > 1) {
    throw new BeelineError('BEELINE_E_WORKLOAD', { path: workload.name, detail: '--icount is for one CPU' });
  }
  return {
    ...begin,
    memory: workload.memory === undefined ? (image.memory ?? usualMemory) : parseMemory(workload.memory),
    cpus,
    drives,
  };
}
