// Other Beelines to compare with: clones that are built, and revisions that are checked out and built for it.
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BeelineError } from '../errors.js';
import { cacheRoot, projectRoot } from '../paths.js';
import { runTool, ToolError } from '../process.js';

const worker = 'dist/src/bench/beeline-worker.js';
const addon = 'build/native/Release/beeline.node';

function refuse(option: string, what: string, detail: string, remedy: string): BeelineError {
  return new BeelineError('BEELINE_E_BENCH_REVISION', { option, what, detail, remedy });
}

/** A clone that is built. */
function builtClone(option: string, folder: string): string {
  const missing = [worker, addon].find((file) => !existsSync(join(folder, file)));
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

/** Checks a commit out beside this clone and builds it, unless that has been done. */
async function buildCommit(
  option: string,
  commit: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const folder = join(cacheRoot(), 'bench', 'revisions', commit);
  const stamp = `${folder}.built`;
  if (existsSync(stamp)) return builtClone(option, folder);
  say(`building ${commit.slice(0, 12)}, which takes minutes`);
  mkdirSync(join(folder, '..'), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  try {
    await runTool('git', ['worktree', 'prune'], { cwd: projectRoot, signal });
    await runTool('git', ['worktree', 'add', '--detach', folder, commit], { cwd: projectRoot, signal });
    await runTool(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: folder, signal, onLine: say });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ToolError)
      throw refuse(option, commit.slice(0, 12), error.message, 'see why it does not build');
    throw error;
  }
  const root = builtClone(option, folder);
  writeFileSync(stamp, '');
  return root;
}

/** The folder of a built Beeline, from a folder or a revision of this clone. Throws BEELINE_E_BENCH_REVISION. */
export async function builtRevision(
  option: string,
  what: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  if (existsSync(what) && statSync(what).isDirectory()) return builtClone(option, resolve(what));
  const commit = await commitOf(what, signal);
  signal.throwIfAborted();
  if (commit === undefined) {
    throw refuse(option, what, 'it is no result, no folder and no revision of this clone', 'check the name');
  }
  return buildCommit(option, commit, say, signal);
}
