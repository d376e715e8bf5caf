// What a process has used so far, from /proc: the same for every emulator.
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

/** Linux tells times of processes in hundredths of a second to every program (USER_HZ). */
const ticksPerSecond = 100;

/** User and system time of all threads, those that have ended included; whole ticks. */
function processSeconds(pid: number): number {
  // The name, in parentheses, may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** To the nanosecond, of the threads that live; 0 where the kernel does not count. */
function threadSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    } catch {
      // It has ended, or the kernel does not count: the process's own time is at least as much.
    }
  }
  return nanoseconds / 1e9;
}

/** undefined when it has ended. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    if (peak === undefined) return undefined;
    return { cpuSeconds: Math.max(processSeconds(pid), threadSeconds(pid)), peakMemoryBytes: Number(peak) * 1024 };
  } catch {
    return undefined;
  }
}
