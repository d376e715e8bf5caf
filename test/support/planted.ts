// Revisions of this clone for tests, such as slower ones: commits that no branch has, and nothing is checked out.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';

/** A few instructions more for each block that is translated: $BEELINE_PLANTED_NOPS, otherwise 16. */
export const slowdownPatch = join(projectRoot, 'test/regression/planted-slowdown.patch');

const identity = ['-c', 'user.name=Beeline', '-c', 'user.email=beeline@localhost'];

function git(env: NodeJS.ProcessEnv, ...args: string[]): string {
  return gitWith('', env, ...args);
}

function gitWith(input: string, env: NodeJS.ProcessEnv, ...args: string[]): string {
  const options = { cwd: projectRoot, env: { ...process.env, ...env }, encoding: 'utf8', input } as const;
  return execFileSync('git', [...identity, ...args], options).trim();
}

export function currentCommit(): string {
  return git({}, 'rev-parse', 'HEAD');
}

/** A commit behind `parent`, whose files `change` changes in the index that `env` names. The same one each time: it is built once. */
function commitChanged(parent: string, message: string, change: (env: NodeJS.ProcessEnv) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'beeline-test-'));
  const date = git({}, 'show', '--no-patch', '--format=%cI', parent);
  const env = { GIT_INDEX_FILE: join(folder, 'index'), GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  try {
    git(env, 'read-tree', parent);
    change(env);
    return git(env, 'commit-tree', '-p', parent, '-m', message, git(env, 'write-tree'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A commit behind `parent`, with a patch applied or the same files. */
export function commitBehind(parent: string, message: string, patch?: string): string {
  return commitChanged(parent, message, (env) => {
    if (patch !== undefined) git(env, 'apply', '--cached', patch);
  });
}

/**
 * A commit behind `parent` whose build takes no minutes: its script for that takes what this clone has built. `edit`, of
 * JavaScript, makes of the text of the program that runs guests another one, or throws as what does not build.
 */
export function quickRevision(parent: string, message: string, edit = 'text'): string {
  const script = [
    `import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';`,
    `const from = ${JSON.stringify(projectRoot)};`,
    `const edit = (text) => ${edit};`,
    `const worker = 'dist/src/bench/beeline-worker.js';`,
    `const addon = 'build/native/Release/beeline.node';`,
    `cpSync(from + '/dist/src', 'dist/src', { recursive: true });`,
    `writeFileSync(worker, edit(readFileSync(worker, 'utf8')));`,
    `cpSync(from + '/' + addon, addon);`,
    `symlinkSync(from + '/node_modules', 'node_modules');`,
  ].join('\n');
  return commitChanged(parent, message, (env) => {
    const blob = gitWith(script, {}, 'hash-object', '-w', '--stdin');
    git(env, 'update-index', '--cacheinfo', `100644,${blob},scripts/setup.mjs`);
  });
}

/** Forgets the worktrees of revisions whose folders are gone. */
export function forgetRevisions(): void {
  git({}, 'worktree', 'prune');
}
