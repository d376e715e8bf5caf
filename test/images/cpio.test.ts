import { strict as assert } from 'node:assert';
import { type CpioEntry, cpioArchive } from '../../src/images/cpio.js';

interface Member {
  name: string;
  mode: number;
  mtime: number;
  rdev: [number, number];
  data: string;
}

/** Reads newc as the kernel's unpacker does: 110 bytes of header, name and data padded to four. */
function read(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; ; ) {
    assert.equal(archive.toString('latin1', at, at + 6), '070701');
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('utf8', at + 110, nameEnd - 1);
    assert.equal(archive[nameEnd - 1], 0);
    const begin = (nameEnd + 3) & ~3;
    const data = archive.toString('utf8', begin, begin + field(6));
    if (name === 'TRAILER!!!') return members;
    members.push({ name, mode: field(1), mtime: field(5), rdev: [field(9), field(10)], data });
    at = (begin + field(6) + 3) & ~3;
  }
}

const entries: CpioEntry[] = [
  { type: 'directory', path: 'dev', mode: 0o755 },
  { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { type: 'file', path: 'init', mode: 0o755, data: Buffer.from('#!/bin/sh\n') },
  { type: 'symlink', path: 'sh', mode: 0o777, target: 'init' },
];

describe('the cpio writer', () => {
  it('writes every kind of entry', () => {
    assert.deepEqual(read(cpioArchive(entries)), [
      { name: 'dev', mode: 0o040755, mtime: 0, rdev: [0, 0], data: '' },
      { name: 'dev/console', mode: 0o020600, mtime: 0, rdev: [5, 1], data: '' },
      { name: 'init', mode: 0o100755, mtime: 0, rdev: [0, 0], data: '#!/bin/sh\n' },
      { name: 'sh', mode: 0o120777, mtime: 0, rdev: [0, 0], data: 'init' },
    ]);
  });

  it('gives equal bytes for equal content, a multiple of 512 long', () => {
    const archive = cpioArchive(entries);
    assert.deepEqual(archive, cpioArchive(entries));
    assert.equal(archive.length % 512, 0);
  });

  it('refuses paths that leave the archive, come twice or before their folder', () => {
    for (const path of ['/init', '../init', 'a//b', './init', '']) {
      assert.throws(() => cpioArchive([{ type: 'directory', path, mode: 0 }]), RangeError, path);
    }
    const dev: CpioEntry = { type: 'directory', path: 'dev', mode: 0 };
    assert.throws(() => cpioArchive([dev, dev]), /twice/);
    assert.throws(() => cpioArchive([{ type: 'directory', path: 'a/b', mode: 0 }]), /before its folder/);
  });
});
