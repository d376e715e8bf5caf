// Guests of earlier versions, whose records lie in their own folders, where their processes may write. They are taken over
// once, by the first daemon that keeps records in a folder of their own.
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type GuestFolder, oldRecord } from './guest-folder.js';
import { readRecord, writeRecord } from './vm-record.js';

function isFile(path: string): boolean {
  try {
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

/** Makes the folder of records, all at once; returns the names of the guests taken over. */
export function takeOverRecords(guests: string, records: string): string[] {
  if (existsSync(records)) return [];
  const unfinished = `${records}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const names: string[] = [];
  for (const name of readdirSync(guests)) {
    const path = oldRecord(join(guests, name));
    const record = isFile(path) ? readRecord(path) : undefined;
    if (record?.name !== name) continue;
    writeRecord(join(unfinished, `${name}.json`), record);
    names.push(name);
  }
  renameSync(unfinished, records);
  for (const name of names) rmSync(oldRecord(join(guests, name)), { force: true });
  return names;
}

/** What to do about a folder of guests whose record cannot be read. */
export function recoveryOf(folder: GuestFolder): string {
  const name = basename(folder.path);
  if (existsSync(folder.record)) {
    return `the record ${folder.record} cannot be read; put it right, or remove it and the folder, while no daemon runs`;
  }
  const old = oldRecord(folder.path);
  if (!isFile(old)) return `${folder.record} is gone; put it back, or remove the folder, while no daemon runs`;
  return (
    `the guest ${name} is of an earlier version, and was not there when its like were taken over; to have it back, stop the ` +
    `daemon, then: mv ${old} ${folder.record}`
  );
}
