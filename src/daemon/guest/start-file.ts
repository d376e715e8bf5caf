// Reads what a guest's process is to run.
import { readFileSync } from 'node:fs';
import { BeelineError } from '../../errors.js';
import { firstFault } from '../../monitor/validation.js';
import type { GuestFolder } from '../guest-folder.js';
import { StartFile } from './protocol.js';

export function readStart(folder: GuestFolder): StartFile {
  const value: unknown = JSON.parse(readFileSync(folder.start, 'utf8'));
  const fault = firstFault(StartFile, value);
  if (fault !== undefined) throw new BeelineError('BEELINE_E_INTERNAL', { detail: `${folder.start}: ${fault}` });
  return value as StartFile;
}
