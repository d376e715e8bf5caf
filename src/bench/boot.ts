// How long it takes from starting an emulator to the prompt of a shell.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { projectRoot } from '../paths.js';
import type { BeelineVariant } from './beeline-guest.js';
import { GuestError } from './console.js';
import { type GuestFiles, prompt } from './guest-files.js';
import { GuestProcess } from './guest-process.js';
import type { Boot, Failure } from './results.js';

export interface BootSubject {
  readonly name: string;
  readonly rounds: number;
  start(): GuestProcess;
}

/** The command line as users start it, so that what Node takes counts too. */
export function startCommandLine({ tier, disable, cpuModel }: BeelineVariant, files: GuestFiles): GuestProcess {
  const engine = ['--tier', tier, ...disable.flatMap((name) => ['--disable', name])];
  const machine = ['--cpu', cpuModel, '--gic', '3', '--memory', '1G', '--cpus', '1', '--quiet', '--no-reboot'];
  const boot = ['--kernel', files.kernel, '--initrd', files.initrd, '--append', files.append];
  const args = [join(projectRoot, 'dist/src/cli/main.js'), 'run', ...engine, ...machine, ...boot];
  return new GuestProcess(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
}

export interface BootObserver {
  onBoot(boot: Boot): void;
  onFailure(failure: Failure): void;
}

/** One after the other, in turns. A subject that fails once is not tried again. */
export async function measureBoots(
  subjects: readonly BootSubject[],
  patience: number,
  observer: BootObserver,
  signal: AbortSignal,
): Promise<void> {
  let taking = subjects;
  for (let round = 0; taking.length > 0; round++) {
    taking = taking.filter(({ rounds }) => round < rounds);
    for (const subject of round % 2 === 0 ? taking : taking.toReversed()) {
      const begun = performance.now();
      const guest = subject.start();
      try {
        await guest.console.waitFor(prompt, patience, signal);
        observer.onBoot({ subject: subject.name, round, wallSeconds: (performance.now() - begun) / 1000 });
      } catch (error) {
        if (!(error instanceof GuestError)) throw error;
        observer.onFailure({ workload: '', subject: subject.name, round, reason: error.message });
        taking = taking.filter((other) => other !== subject);
      } finally {
        await guest.kill();
      }
    }
  }
}
