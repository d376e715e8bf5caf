// Files that appear whole or not at all.
import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { BeelineError, messageOf, systemCode } from './errors.js';

/** Writes beside `path`, then renames; a device or pipe is written in place. */
export function writeFileAtomically(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    if (existsSync(path) && !statSync(path).isFile()) {
      writeFileSync(path, text);
      return;
    }
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const code = systemCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new BeelineError('BEELINE_E_DISK_FULL', { path }, error);
    throw new BeelineError('BEELINE_E_OUTPUT', { path, detail: code ?? messageOf(error) }, error);
  }
}
