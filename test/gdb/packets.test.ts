import { strict as assert } from 'node:assert';
import { encodePacket, type Incoming, PacketReader, packetSize } from '../../src/gdb/packets.js';

const texts = (found: Incoming[]) =>
  found.map((one) => (one.kind === 'packet' ? one.data.toString('latin1') : `<${one.kind}>`));

describe('packets of gdb', () => {
  it('come in any pieces', () => {
    const stream = Buffer.from('+$qSupported:a+;b-#00$g#67\x03-$m0,4#fd', 'latin1');
    for (const piece of [1, 2, 3, 7, stream.length]) {
      const reader = new PacketReader();
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += piece) {
        found.push(...texts(reader.push(stream.subarray(at, at + piece))));
      }
      assert.deepEqual(found, ['<acknowledged>', '<damaged>', 'g', '<interrupt>', '<refused>', 'm0,4']);
    }
  });

  it('survive escaping', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_unused, byte) => byte));
    const [found] = new PacketReader().push(encodePacket(bytes));
    assert.deepEqual(found, { kind: 'packet', data: bytes });
  });

  it('are not checked without acknowledgements', () => {
    const reader = new PacketReader();
    reader.checks = false;
    assert.deepEqual(texts(reader.push(Buffer.from('$?#00'))), ['?']);
  });

  it('have an end', () => {
    const reader = new PacketReader();
    const flood = Buffer.alloc(3 * packetSize, 'x');
    assert.deepEqual(texts(reader.push(Buffer.concat([Buffer.from('$'), flood]))), ['<noise>']);
  });

  it("are not a browser's", () => {
    assert.deepEqual(texts(new PacketReader().push(Buffer.from('POST / HTTP/1.1\r\n\r\n$k#6b'))), ['<noise>']);
  });
});
