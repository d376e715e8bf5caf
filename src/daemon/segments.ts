// A stream that is kept as files of a folder, each named by the number of its first byte or record.
import { readdirSync } from 'node:fs';

const digits = 16;

/** `ending` with its dot; may be empty. */
export function segmentName(first: number, ending: string): string {
  return `${String(first).padStart(digits, '0')}${ending}`;
}

/** The numbers at which the files with that ending begin, ascending; none where the folder cannot be read. */
export function segmentsIn(folder: string, ending: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d{16}$/.test(name.slice(0, digits)) && name.slice(digits) === ending)
    .map((name) => Number(name.slice(0, digits)))
    .sort((a, b) => a - b);
}
