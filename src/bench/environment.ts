// Where and with what something was measured.
import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { describeHost } from '../host.js';
import { projectRoot } from '../paths.js';
import { version } from '../version.js';
import { type Qemu, qemuArguments, usualMachine } from './qemu.js';
import type { Environment } from './results.js';

/** The commit checked out in a clone, `+` added when files differ from it; empty outside of one. */
function commit(root: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return ` ${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '+' : ''}`;
  } catch {
    // An unpacked archive, or no git: the version alone has to do.
    return '';
  }
}

/** Version and commit of the Beeline in that clone. */
export function describeRevision(root = projectRoot): string {
  return `${version(root)}${commit(root)}`;
}

export function describeEnvironment(qemu: Qemu | undefined): Environment {
  const host = describeHost();
  const files = { kernel: 'KERNEL', initrd: 'INITRD', append: 'APPEND' };
  return {
    date: new Date().toISOString(),
    host: host.name,
    cpu: host.cpu,
    cores: host.cores,
    kernel: release(),
    node: process.version,
    beeline: describeRevision(),
    ...(qemu === undefined ? {} : { qemu: { ...qemu, arguments: qemuArguments(files, usualMachine(1)).join(' ') } }),
  };
}
