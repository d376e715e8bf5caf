// Revisions of this clone that are slower than they need to be: commits that no branch has, and nothing is checked out.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';

/** A few instructions more for each block that is translated; $BEELINE_PLANTED_NOPS says how many, otherwise 16: the ratio has to be measured. */
export const slowdownPatch = join(projectRoot, 'test/regression/planted-slowdown.patch');

const identity = ['-c', 'user.name=Beeline', '-c', 'user.email=beeline@localhost'];

function git(env: NodeJS.ProcessEnv, ...args: string[]): string {
  const options = { cwd: projectRoot, env: { ...process.env, ...env }, encoding: 'utf8' } as const;
  return execFileSync('git', [...identity, ...args], options).trim();
}

export function currentCommit(): string {
  return git({}, 'rev-parse', 'HEAD');
}

/** A commit behind `parent`, with a patch applied or the same files. */
export function commitBehind(parent: string, message: string, patch?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'beeline-test-'));
  const env = { GIT_INDEX_FILE: join(folder, 'index') };
  try {
    git(env, 'read-tree', parent);
    if (patch !== undefined) git(env, 'apply', '--cached', patch);
    return git(env, 'commit-tree', '-p', parent, '-m', message, git(env, 'write-tree'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
