// git bisect in a worktree of its own: whatever the user has checked out, or is bisecting, stays as it is.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, ToolError } from '../process.js';

export type Mark = 'good' | 'bad' | 'skip';

export type Step =
  | { readonly kind: 'test'; readonly commit: string }
  | { readonly kind: 'found'; readonly commit: string }
  /** Only revisions are left that could not be tested. */
  | { readonly kind: 'undecided'; readonly commits: readonly string[] };

export class GitBisect {
  readonly #repository: string;
  readonly #folder: string;
  readonly #signal: AbortSignal;

  private constructor(repository: string, folder: string, signal: AbortSignal) {
    this.#repository = repository;
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Rejects with ToolError when git does not want to, such as when the revisions have nothing to do with each other. */
  static async start(
    repository: string,
    { good, bad, parent }: { readonly good: string; readonly bad: string; readonly parent: string },
    signal: AbortSignal,
  ): Promise<GitBisect> {
    const folder = mkdtempSync(join(parent, 'bisect-'));
    const bisect = new GitBisect(repository, folder, signal);
    try {
      // Nothing has to be checked out: revisions are built elsewhere.
      const add = ['worktree', 'add', '--force', '--no-checkout', '--detach', folder, bad];
      await runTool('git', add, { cwd: repository, signal });
      await bisect.#git('bisect', 'start', '--no-checkout', bad, good);
      return bisect;
    } catch (error) {
      await bisect.close();
      throw error;
    }
  }

  #git(...args: string[]): Promise<string> {
    return runTool('git', args, { cwd: this.#folder, signal: this.#signal });
  }

  async #log(): Promise<string> {
    return await this.#git('bisect', 'log');
  }

  async next(): Promise<Step> {
    const log = await this.#log();
    const found = /^# first bad commit: \[([0-9a-f]+)\]/m.exec(log)?.[1];
    if (found !== undefined) return { kind: 'found', commit: found };
    if (/^# only skipped commits left to test/m.test(log)) {
      const commits = [...log.matchAll(/^# possible first bad commit: \[([0-9a-f]+)\]/gm)];
      return { kind: 'undecided', commits: commits.map(([, commit]) => commit ?? '') };
    }
    return { kind: 'test', commit: (await this.#git('rev-parse', '--verify', 'BISECT_HEAD')).trim() };
  }

  async mark(mark: Mark, commit: string): Promise<void> {
    try {
      await this.#git('bisect', mark, commit);
    } catch (error) {
      // Its status is not 0 as well when only skipped revisions are left, which next() tells.
      if (!(error instanceof ToolError) || (await this.next()).kind !== 'undecided') throw error;
    }
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    await runTool('git', ['worktree', 'prune'], { cwd: this.#repository });
  }
}
