// What this host is and has.
import { accessSync, constants, readFileSync } from 'node:fs';
import { availableParallelism, cpus, hostname, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

export interface Host {
  readonly name: string;
  readonly cpu: string;
  readonly cores: number;
  /** Bytes of memory a process here may use at most. */
  readonly memory: number;
}

/** A control group's limit counts too: containers see the whole machine in totalmem(). */
export function cgroupMemoryLimit(): number {
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFileSync(path, 'utf8').trim());
      if (Number.isFinite(limit) && limit > 0) return limit;
    } catch {
      // Not mounted, or no limit ("max" is not a number): the next place, then none.
    }
  }
  return Number.POSITIVE_INFINITY;
}

export function describeHost(): Host {
  return {
    name: hostname(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.min(totalmem(), cgroupMemoryLimit()),
  };
}

/** Whether a command can be found on the path. */
export function hasCommand(command: string, env: NodeJS.ProcessEnv = process.env): boolean {
  return (env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
