// Revisions of this clone, checked out beside each other and built: a cache of bounded size.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from '../errors.js';
import { isAlive, runTool, ToolError } from '../process.js';

/** What a Beeline needs to run workloads. */
export const builtFiles = ['dist/src/bench/beeline-worker.js', 'build/native/Release/beeline.node'] as const;

/** A built revision takes about 250 MB. */
const usualLimit = 8;
const lockPoll = 500;

export type Say = (line: string) => void;

export interface RevisionStoreOptions {
  /** The clone. */
  readonly repository: string;
  /** Where the revisions are. */
  readonly folder: string;
  /** How many are kept; those used last. */
  readonly limit?: number;
  /** Builds what is checked out in a folder; rejects with ToolError when it cannot be built. */
  readonly build?: (folder: string, say: Say, signal: AbortSignal) => Promise<void>;
}

async function hasCompilerCache(signal: AbortSignal): Promise<boolean> {
  try {
    await runTool('ccache', ['--version'], { signal });
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

async function buildBeeline(folder: string, say: Say, signal: AbortSignal): Promise<void> {
  // Relative to the revision's folder, paths are the same in all of them.
  const cache = { CMAKE_CXX_COMPILER_LAUNCHER: 'ccache', CCACHE_BASEDIR: folder };
  const env = { ...process.env, npm_config_prefer_offline: 'true', ...((await hasCompilerCache(signal)) ? cache : {}) };
  await runTool(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: folder, env, signal, onLine: say });
  // Objects are not needed to run it.
  rmSync(join(folder, 'build/native/CMakeFiles'), { recursive: true, force: true });
}

export class RevisionStore {
  readonly #options: Required<RevisionStoreOptions>;

  constructor(options: RevisionStoreOptions) {
    this.#options = { limit: usualLimit, build: buildBeeline, ...options };
  }

  /** The folder of the commit, built. Rejects with ToolError when it cannot be built. */
  async built(commit: string, say: Say, signal: AbortSignal): Promise<string> {
    const folder = join(this.#options.folder, commit);
    mkdirSync(this.#options.folder, { recursive: true });
    await this.#withLock(commit, signal, async () => {
      if (!(await this.#isBuilt(commit, folder, signal))) await this.#build(commit, folder, say, signal);
      const now = new Date();
      utimesSync(this.#stamp(commit), now, now);
      await this.#evict();
    });
    return folder;
  }

  /** Its time says when the revision was used last. */
  #stamp(commit: string): string {
    return join(this.#options.folder, `${commit}.built`);
  }

  /** Other clones may have built it: of one that is gone, git no longer knows which revision it is. */
  async #isBuilt(commit: string, folder: string, signal: AbortSignal): Promise<boolean> {
    if (!existsSync(this.#stamp(commit)) || !existsSync(folder)) return false;
    try {
      return (await runTool('git', ['rev-parse', '--verify', 'HEAD'], { cwd: folder, signal })).trim() === commit;
    } catch (error) {
      if (error instanceof ToolError) return false;
      throw error;
    }
  }

  async #build(commit: string, folder: string, say: Say, signal: AbortSignal): Promise<void> {
    say(`building ${commit.slice(0, 12)}, which takes minutes`);
    const git = (...args: string[]) => runTool('git', args, { cwd: this.#options.repository, signal });
    try {
      rmSync(this.#stamp(commit), { force: true });
      rmSync(folder, { recursive: true, force: true });
      await git('worktree', 'prune');
      await git('worktree', 'add', '--force', '--detach', folder, commit);
      await this.#options.build(folder, say, signal);
      writeFileSync(this.#stamp(commit), '');
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Removes those that were not used for the longest time. */
  async #evict(): Promise<void> {
    const { folder, limit, repository } = this.#options;
    const commits = readdirSync(folder)
      .filter((name) => name.endsWith('.built'))
      .map((name) => name.slice(0, -'.built'.length))
      .map((commit) => ({ commit, used: statSync(this.#stamp(commit)).mtimeMs }))
      .sort((a, b) => b.used - a.used);
    const old = commits.slice(limit);
    for (const { commit } of old) {
      rmSync(this.#stamp(commit), { force: true });
      rmSync(join(folder, commit), { recursive: true, force: true });
    }
    if (old.length > 0) await runTool('git', ['worktree', 'prune'], { cwd: repository });
  }

  /** Several processes may want the same revision at once: one of them builds it, the others wait. */
  async #withLock(commit: string, signal: AbortSignal, body: () => Promise<void>): Promise<void> {
    const path = join(this.#options.folder, `${commit}.lock`);
    for (;;) {
      try {
        const file = openSync(path, 'wx');
        writeFileSync(file, `${process.pid}\n`);
        closeSync(file);
        break;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      if (!isLocked(path)) rmSync(path, { force: true });
      else await delay(lockPoll, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
    try {
      await body();
    } finally {
      rmSync(path, { force: true });
    }
  }
}

/** Whether whoever holds the lock still lives. */
function isLocked(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // Empty for the moment between the making of the file and its first line.
    return pid === 0 ? Date.now() - statSync(path).mtimeMs < 10 * lockPoll : isAlive(pid);
  } catch {
    // It was given back meanwhile.
    return false;
  }
}
