// First life of a guest's process: node confine.js FOLDER. It gives up what the guest does not need, then becomes main.js.
// The limits are a thread's own, and this one is the only one of the next program when that begins.
import { closeSync, mkdirSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BeelineError, messageOf } from '../../errors.js';
import { loadAddon } from '../../native/loader.js';
import { GuestFolder } from '../guest-folder.js';
import { allowedPaths, makeFiles } from './allowed-paths.js';
import { type Readiness, readinessDescriptor } from './protocol.js';
import { readStart } from './start-file.js';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

function confine(folder: GuestFolder): BeelineError {
  const start = readStart(folder);
  makeFiles(start.config);
  mkdirSync(folder.temporary, { recursive: true, mode: 0o700 });
  process.env.TMPDIR = folder.temporary;
  const words = [process.execPath, ...process.execArgv, main, folder.path];
  const error = loadAddon().confineAndExecute(allowedPaths(folder, start), words, readinessDescriptor);
  const detail = error === 'ENOSYS' || error === 'EOPNOTSUPP' ? 'the kernel has no Landlock' : error;
  return new BeelineError('BEELINE_E_SANDBOX', { detail });
}

function announce(readiness: Readiness): void {
  writeSync(readinessDescriptor, `${JSON.stringify(readiness)}\n`);
  closeSync(readinessDescriptor);
}

let failure: BeelineError;
try {
  failure = confine(new GuestFolder(process.argv[2] ?? ''));
} catch (error) {
  failure =
    error instanceof BeelineError ? error : new BeelineError('BEELINE_E_INTERNAL', { detail: messageOf(error) }, error);
}
process.stderr.write(`${failure.message}\n`);
announce({ ready: false, code: failure.code, details: failure.details });
process.exit(1);
