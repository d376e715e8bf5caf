// Workloads of a test's own, in its folder, and a history beside them.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { TemporaryFolder } from './temporary.js';

export function addWorkload(folder: TemporaryFolder, name: string, text: string): void {
  mkdirSync(folder.at('workloads', name), { recursive: true });
  writeFileSync(folder.at('workloads', name, 'workload.yaml'), text);
}

/** Has `beeline bench` use them. */
export function benchEnvironment(folder: TemporaryFolder): { readonly [name: string]: string } {
  return { BEELINE_WORKLOADS: folder.at('workloads'), BEELINE_BENCH_HISTORY: folder.at('history.sqlite') };
}
