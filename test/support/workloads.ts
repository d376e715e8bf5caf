// Workloads of a test's own, in its folder, and a history beside them.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../../src/paths.js';
import type { TemporaryFolder } from './temporary.js';

export function addWorkload(folder: TemporaryFolder, name: string, text: string): void {
  mkdirSync(folder.at('workloads', name), { recursive: true });
  writeFileSync(folder.at('workloads', name, 'workload.yaml'), text);
}

/** Has it keep what it builds of other revisions in the test's folder, too; images are where they always are. */
export function ownRevisions(folder: TemporaryFolder): { readonly [name: string]: string } {
  mkdirSync(folder.at('cache', 'beeline'), { recursive: true });
  symlinkSync(join(cacheRoot(), 'images'), folder.at('cache', 'beeline', 'images'));
  return { XDG_CACHE_HOME: folder.at('cache') };
}

/** Has `beeline bench` use them. */
export function benchEnvironment(folder: TemporaryFolder): { readonly [name: string]: string } {
  return { BEELINE_WORKLOADS: folder.at('workloads'), BEELINE_BENCH_HISTORY: folder.at('history.sqlite') };
}
