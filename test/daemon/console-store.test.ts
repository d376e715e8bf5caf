import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { ConsoleReader, ConsoleWriter, consoleEnd } from '../../src/daemon/console-store.js';
import { TemporaryFolder } from '../support/temporary.js';

const mebibyte = 1024 * 1024;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('what consoles have written', () => {
  const folder = new TemporaryFolder();

  it('is read back by offset, over several starts', () => {
    const first = new ConsoleWriter(folder.path);
    first.write(Buffer.from('hello '));
    first.close();
    const second = new ConsoleWriter(folder.path);
    assert.equal(second.end, 6);
    second.write(Buffer.from('world'));
    second.close();
    const reader = new ConsoleReader(folder.path);
    assert.equal(reader.end(), 11);
    assert.equal(reader.begin(), 0);
    assert.equal(text(reader.read(0, 100).bytes), 'hello ');
    assert.equal(text(reader.read(6, 3).bytes), 'wor');
    assert.equal(text(reader.read(9, 100).bytes), 'ld');
    assert.equal(reader.read(11, 100).bytes.length, 0);
  });

  it('is seen by a reader while it grows', () => {
    const writer = new ConsoleWriter(folder.path);
    const reader = new ConsoleReader(folder.path);
    assert.equal(reader.read(0, 100).bytes.length, 0);
    writer.write(Buffer.from('ab'));
    assert.equal(reader.read(0, 100).bytes.length, 0, 'it has not looked yet');
    assert.equal(reader.end(), 2);
    assert.equal(text(reader.read(0, 100).bytes), 'ab');
    writer.write(Buffer.from('cd'));
    assert.equal(reader.end(), 4);
    assert.equal(text(reader.read(2, 100).bytes), 'cd');
    writer.close();
  });

  it('is bounded, and says by the offset what is gone', () => {
    const writer = new ConsoleWriter(folder.path);
    const block = Buffer.alloc(mebibyte / 2 + 1, 'x');
    for (let i = 0; i < 40; i++) writer.write(block);
    writer.close();
    assert.equal(consoleEnd(folder.path), 40 * block.length);
    assert.ok(readdirSync(folder.path).length <= 8);
    const reader = new ConsoleReader(folder.path);
    const { offset, bytes } = reader.read(0, 100);
    assert.equal(offset, reader.begin());
    assert.ok(offset > 0);
    assert.equal(bytes.length, 100);
  });

  it('gives the last lines as plain text', () => {
    const writer = new ConsoleWriter(folder.path);
    writer.write(Buffer.from('one\r\ntwo\r\n\x1b[31mthree\x1b[0m\x07\r\n\r\nfour'));
    writer.close();
    const reader = new ConsoleReader(folder.path);
    assert.deepEqual(reader.lastLines(3), ['two', 'three', 'four']);
    assert.deepEqual(new ConsoleReader(folder.at('nowhere')).lastLines(3), []);
  });
});
