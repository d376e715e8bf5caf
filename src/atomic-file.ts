// Files that appear whole or not at all.
import { closeSync, existsSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { BeelineError, messageOf, systemCode } from './errors.js';

/** Gathers small pieces: a write for each would take long. */
const pieceSize = 1 << 20;

function write(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, 'w');
  const flush = (text: string) => {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  };
  try {
    let gathered = '';
    for (const piece of pieces) {
      gathered += piece;
      if (gathered.length < pieceSize) continue;
      flush(gathered);
      gathered = '';
    }
    flush(gathered);
  } finally {
    closeSync(file);
  }
}

/** Writes beside `path`, then renames; a device or pipe is written in place. */
export function writeFileAtomically(path: string, content: string | Iterable<string>): void {
  const pieces = typeof content === 'string' ? [content] : content;
  const temporary = `${path}.${process.pid}.part`;
  try {
    if (existsSync(path) && !statSync(path).isFile()) {
      write(path, pieces);
      return;
    }
    write(temporary, pieces);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const code = systemCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new BeelineError('BEELINE_E_DISK_FULL', { path }, error);
    throw new BeelineError('BEELINE_E_OUTPUT', { path, detail: code ?? messageOf(error) }, error);
  }
}
