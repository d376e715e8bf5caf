// QEMU, to compare with.
import { spawn } from 'node:child_process';
import { hasCommand } from '../host.js';
import { runTool } from '../process.js';
import type { GuestFiles } from './guest-files.js';
import { GuestProcess } from './guest-process.js';

export interface Qemu {
  readonly command: string;
  /** The first line of --version. */
  readonly version: string;
}

/** $BEELINE_QEMU, otherwise from the path; undefined when there is none. */
export async function findQemu(env: NodeJS.ProcessEnv = process.env): Promise<Qemu | undefined> {
  const command = env.BEELINE_QEMU || 'qemu-system-aarch64';
  if (!env.BEELINE_QEMU && !hasCommand(command, env)) return undefined;
  const text = await runTool(command, ['--version']);
  return { command, version: text.split('\n')[0]?.trim() ?? '' };
}

/** The machine that Beeline's is to be compared with: the same board, memory and files. */
export function qemuArguments(files: GuestFiles, cpus: number): string[] {
  return [
    ...['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-smp', String(cpus), '-m', '1G'],
    ...['-nographic', '-nic', 'none', '-no-reboot'],
    ...['-kernel', files.kernel, '-initrd', files.initrd, '-append', files.append],
  ];
}

/** util-linux's setpriv lets the kernel end QEMU with us, even when we are killed. */
export function startQemu(qemu: Qemu, files: GuestFiles, cpus: number): GuestProcess {
  const line = [qemu.command, ...qemuArguments(files, cpus)];
  const [command = '', ...args] = hasCommand('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', '--', ...line] : line;
  // Its own process group: Ctrl-C on the terminal reaches us, and we end it in order.
  return new GuestProcess(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
}
