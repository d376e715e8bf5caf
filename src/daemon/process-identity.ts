// Telling a process from a later one that has got the same number.
import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';

export const ProcessIdentity = Type.Object({
  pid: Type.Integer(),
  /** When it started, in ticks since the host's boot. */
  startTime: Type.String(),
  bootId: Type.String(),
});
export type ProcessIdentity = Static<typeof ProcessIdentity>;

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** undefined when there is no such process, or it is dead and only waits to be reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field, the name, is in parentheses and may hold anything (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTime = fields[19];
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return { pid, startTime, bootId: bootId() };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}
