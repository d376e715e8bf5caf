import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { collectModules, moduleDependencies, moduleIndex } from '../../src/images/kernel-modules.js';
import { TemporaryFolder } from '../support/temporary.js';

/** An ELF file with a section .modinfo and nothing else. */
function module(depends: string, alias = 'x*'): Buffer {
  const info = Buffer.from(`license=GPL\0alias=${alias}\0depends=${depends}\0name=x\0`);
  const names = Buffer.from('\0.shstrtab\0.modinfo\0');
  const header = Buffer.alloc(64);
  const sections = [
    [0, 0, 0],
    [1, 64, names.length],
    [11, 64 + names.length, info.length],
  ].map(([name = 0, offset = 0, size = 0]) => {
    const section = Buffer.alloc(64);
    section.writeUInt32LE(name, 0);
    section.writeBigUInt64LE(BigInt(offset), 0x18);
    section.writeBigUInt64LE(BigInt(size), 0x20);
    return section;
  });
  header.writeBigUInt64LE(BigInt(64 + names.length + info.length), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(sections.length, 0x3c);
  header.writeUInt16LE(1, 0x3e);
  return Buffer.concat([header, names, info, ...sections]);
}

describe('kernel modules', () => {
  const folder = new TemporaryFolder();

  it('tell what they need', () => {
    assert.deepEqual(moduleDependencies(module('a-b,c')), ['a_b', 'c']);
    assert.deepEqual(moduleDependencies(module('')), []);
  });

  it('come after what they need, once each, without what is built in', () => {
    mkdirSync(folder.at('kernel'));
    const write = (name: string, depends: string) => writeFileSync(folder.at('kernel', `${name}.ko`), module(depends));
    write('virtio', '');
    write('virtio_ring', 'virtio');
    write('virtio-blk', 'virtio_ring,virtio,jbd2');
    execFileSync('xz', [folder.at('kernel/virtio_ring.ko')]);
    writeFileSync(folder.at('modules.builtin'), 'kernel/fs/jbd2/jbd2.ko\n');
    const names = collectModules(folder.path, ['virtio_blk', 'virtio', 'jbd2']).map(({ name }) => name);
    assert.deepEqual(names, ['virtio', 'virtio_ring', 'virtio_blk']);
    const { dep, alias } = moduleIndex([
      { name: 'a', data: module('', 'virtio:d1*') },
      { name: 'b', data: module('a', 'b*') },
      { name: 'c', data: module('a,b,built_in', 'c*') },
    ]);
    // modprobe loads them from the last to the first.
    assert.equal(dep, 'a.ko:\nb.ko: a.ko\nc.ko: b.ko a.ko\n');
    assert.equal(alias, 'alias virtio:d1* a\nalias b* b\nalias c* c\n');
    assert.throws(() => collectModules(folder.path, ['nowhere']), /the kernel's package has no module nowhere/);
  });
});
