// The program with all workloads: building it, and what it prints.
import { join } from 'node:path';
import { projectRoot } from '../paths.js';
import { runTool } from '../process.js';

const source = join(projectRoot, 'bench/workloads');

export interface KernPrograms {
  readonly guest: string;
  readonly host: string;
}

export async function buildKern(signal?: AbortSignal): Promise<KernPrograms> {
  await runTool('make', ['-C', source, 'a64', 'x64'], signal === undefined ? {} : { signal });
  return { guest: join(source, 'a64/kern'), host: join(source, 'x64/kern') };
}

export interface KernResult {
  readonly seconds: number;
  /** 16 hexadecimal digits. */
  readonly checksum: string;
}

export type KernLine =
  | { readonly kind: 'begins' }
  | { readonly kind: 'result'; readonly result: KernResult }
  | { readonly kind: 'ended'; readonly status: number };

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What to type at the guest's shell: the last line it prints tells how the program ended. */
export function kernCommand(workload: string): string {
  return `/kern ${workload}; echo "[ended $?]"\n`;
}

/** Matches a line that parseKernLine() takes. The command itself, echoed, is none. */
export function kernLinePattern(workload: string): RegExp {
  const name = escaped(workload);
  return new RegExp(`^(?:${name} (begins)|${name} ([0-9.]+) ([0-9a-f]{16})|\\[ended (\\d+)\\])\\r?$`, 'm');
}

export function parseKernLine(match: RegExpExecArray): KernLine {
  const [, begins, seconds, checksum, status] = match;
  if (begins !== undefined) return { kind: 'begins' };
  if (status !== undefined) return { kind: 'ended', status: Number(status) };
  return { kind: 'result', result: { seconds: Number(seconds), checksum: checksum ?? '' } };
}
