// STATE/daemon.json: what a running daemon says about itself. Clients read it too, so that nothing here takes the time of
// loading what compiles schemas.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DaemonFile {
  readonly pid: number;
  /** unix:PATH, ws://HOST:PORT, wss://HOST:PORT */
  readonly addresses: readonly string[];
}

function isDaemonFile(value: unknown): value is DaemonFile {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('addresses' in value)) return false;
  const { pid, addresses } = value;
  const isList = Array.isArray(addresses) && addresses.every((address) => typeof address === 'string');
  return Number.isSafeInteger(pid) && isList;
}

/** undefined: there is none that makes sense. */
export function readDaemonFile(state: string): DaemonFile | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(state, 'daemon.json'), 'utf8'));
    return isDaemonFile(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
