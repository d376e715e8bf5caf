// Other Beelines to compare with: clones that are built, and revisions that are checked out and built for it.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BeelineError } from '../errors.js';
import { cacheRoot, projectRoot } from '../paths.js';
import { runTool, ToolError } from '../process.js';
import { builtFiles, RevisionStore, type Say } from './revision-store.js';

function refuse(option: string, what: string, detail: string, remedy: string): BeelineError {
  return new BeelineError('BEELINE_E_BENCH_REVISION', { option, what, detail, remedy });
}

/** A clone that is built. */
function builtClone(option: string, folder: string): string {
  const missing = builtFiles.find((file) => !existsSync(join(folder, file)));
  if (missing === undefined) return folder;
  throw refuse(option, folder, `it has no ${missing}`, 'run npm run build there');
}

/** The commit's full name; undefined when there is no such revision. */
export async function commitOf(revision: string, signal?: AbortSignal): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  try {
    return (await runTool('git', args, { cwd: projectRoot, ...(signal && { signal }) })).trim();
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}

/** Where built revisions of this clone are kept. */
export function revisionStore(): RevisionStore {
  return new RevisionStore({ repository: projectRoot, folder: join(cacheRoot(), 'bench', 'revisions') });
}

async function buildCommit(option: string, commit: string, say: Say, signal: AbortSignal): Promise<string> {
  try {
    return builtClone(option, await revisionStore().built(commit, say, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    throw refuse(option, commit.slice(0, 12), error.message, 'see why it does not build');
  }
}

/** The folder of a built Beeline, from a folder or a revision of this clone. Throws BEELINE_E_BENCH_REVISION. */
export async function builtRevision(option: string, what: string, say: Say, signal: AbortSignal): Promise<string> {
  if (existsSync(what) && statSync(what).isDirectory()) return builtClone(option, resolve(what));
  const commit = await commitOf(what, signal);
  signal.throwIfAborted();
  if (commit === undefined) {
    throw refuse(option, what, 'it is no result, no folder and no revision of this clone', 'check the name');
  }
  return buildCommit(option, commit, say, signal);
}
