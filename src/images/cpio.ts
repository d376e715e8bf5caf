// Writes newc archives, the format of an initramfs (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).

interface EntryBase {
  /** Relative to the root, without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}

export type CpioEntry =
  | (EntryBase & { readonly type: 'directory' })
  | (EntryBase & { readonly type: 'file'; readonly data: Uint8Array })
  | (EntryBase & { readonly type: 'symlink'; readonly target: string })
  | (EntryBase & { readonly type: 'character' | 'block'; readonly major: number; readonly minor: number });

// File types of st_mode.
const typeBits = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
} as const;

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function padded(bytes: Uint8Array, alignment: number): Uint8Array {
  const rest = bytes.length % alignment;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(alignment - rest)]);
}

/** Owner and group are root and times are zero, so that equal content gives equal bytes. */
function member(name: string, data: Uint8Array, header: Header): Uint8Array[] {
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [
    header.inode,
    header.mode,
    0, // uid
    0, // gid
    header.links,
    0, // mtime
    header.size,
    0, // device, major
    0, // device, minor
    header.major,
    header.minor,
    nameBytes.length,
    0, // check, unused in newc
  ];
  return [padded(Buffer.concat([Buffer.from(`070701${fields.map(hex).join('')}`), nameBytes]), 4), padded(data, 4)];
}

function contents(entry: CpioEntry): Uint8Array {
  if (entry.type === 'file') return entry.data;
  return entry.type === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

/** Entries are written in the order given; a folder has to come before what is in it. Throws RangeError otherwise. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  const folders = new Set(['']);
  const seen = new Set<string>();
  let inode = 1;
  for (const entry of entries) {
    const { path } = entry;
    const steps = path.split('/');
    if (steps.some((step) => step === '' || step === '.' || step === '..')) {
      throw new RangeError(`${path} is not a path from the root of the archive`);
    }
    if (seen.has(path)) throw new RangeError(`${path} is listed twice`);
    if (!folders.has(steps.slice(0, -1).join('/'))) throw new RangeError(`${path} comes before its folder`);
    seen.add(path);
    if (entry.type === 'directory') folders.add(path);
    const data = contents(entry);
    const isDevice = entry.type === 'character' || entry.type === 'block';
    parts.push(
      ...member(path, data, {
        inode: inode++,
        mode: typeBits[entry.type] | entry.mode,
        links: entry.type === 'directory' ? 2 : 1,
        size: data.length,
        major: isDevice ? entry.major : 0,
        minor: isDevice ? entry.minor : 0,
      }),
    );
  }
  parts.push(...member('TRAILER!!!', Buffer.alloc(0), { inode: 0, mode: 0, links: 1, size: 0, major: 0, minor: 0 }));
  return Buffer.from(padded(Buffer.concat(parts), 512));
}
