// QEMU, to compare with.
import { spawn } from 'node:child_process';
import { hasCommand } from '../host.js';
import type { Drive } from '../native/addon.js';
import { runTool, ToolError } from '../process.js';
import type { GuestFiles } from './guest-files.js';
import { GuestProcess } from './guest-process.js';

export interface Qemu {
  readonly command: string;
  /** The first line of --version. */
  readonly version: string;
}

/** What users mean who name none. */
export const usualQemu = 'qemu-system-aarch64';

/** undefined when it does not run. */
export async function findQemu(command: string): Promise<Qemu | undefined> {
  try {
    const text = await runTool(command, ['--version']);
    return { command, version: text.split('\n')[0]?.trim() ?? '' };
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}

export interface QemuMachine {
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly drives: readonly Pick<Drive, 'path' | 'format'>[];
  /** In place of a kernel. */
  readonly firmware?: string;
}

/** A disk whose changes are thrown away, behind virtio-mmio as Beeline's. */
function driveArguments({ path, format }: QemuMachine['drives'][number], index: number): string[] {
  const name = `disk${index}`;
  // Two commas are one of a file's name.
  const file = path.replaceAll(',', ',,');
  return [
    ...['-drive', `if=none,id=${name},format=${format},snapshot=on,file=${file}`],
    ...['-device', `virtio-blk-device,drive=${name}`],
  ];
}

/** The machine that Beeline's is to be compared with: the same board, memory and files. An empty initrd is none. */
export function qemuArguments(files: GuestFiles, { cpus, memory, drives, firmware = '' }: QemuMachine): string[] {
  const kernel = ['-kernel', files.kernel, ...(files.initrd === '' ? [] : ['-initrd', files.initrd])];
  return [
    ...['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-smp', String(cpus), '-m', `${memory / 1024 ** 2}M`],
    ...['-nographic', '-nic', 'none', '-no-reboot'],
    ...(firmware === '' ? [...kernel, '-append', files.append] : ['-bios', firmware]),
    // What comes last gets the first slot.
    ...drives.map(driveArguments).toReversed().flat(),
  ];
}

/** What npm run bench measures on. */
export function usualMachine(cpus: number): QemuMachine {
  return { cpus, memory: 1024 ** 3, drives: [] };
}

/** util-linux's setpriv lets the kernel end QEMU with us, even when we are killed. */
export function startQemu(qemu: Qemu, files: GuestFiles, machine: QemuMachine): GuestProcess {
  const line = [qemu.command, ...qemuArguments(files, machine)];
  const [command = '', ...args] = hasCommand('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', '--', ...line] : line;
  // Its own process group: Ctrl-C on the terminal reaches us, and we end it in order.
  return new GuestProcess(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
}
