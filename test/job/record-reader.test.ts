import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { MarkedStream, RecordReader } from '../../src/job/record-reader.js';
import { TemporaryFolder } from '../support/temporary.js';

const record = (data: string) => `${data.length} ${createHash('md5').update(data).digest('hex')}\n${data}`;

describe('the reader of records', () => {
  const folder = new TemporaryFolder();

  it('takes records when all their bytes are there, whatever comes first', () => {
    const path = folder.at('log');
    writeFileSync(path, '');
    truncateSync(path, 1 << 20);
    const reader = new RecordReader(path);
    const file = openSync(path, 'r+');
    const put = (text: string, at: number) => writeSync(file, text, at, 'latin1');
    const [first, second] = [record('one\0two'), record('x'.repeat(5000))];
    assert.equal(reader.next(), undefined);
    put(first.slice(-3), first.length - 3);
    assert.equal(reader.next(), undefined);
    put(first, 0);
    assert.equal(reader.next()?.toString('latin1'), 'one\0two');
    assert.equal(reader.next(), undefined);
    put(second.slice(0, 4096), first.length);
    assert.equal(reader.next(), undefined);
    put(second, first.length);
    assert.equal(reader.next()?.length, 5000);
    assert.equal(reader.next(), undefined);
    closeSync(file);
    reader.close();
  });

  it('takes nothing that a guest has made up', () => {
    for (const text of [
      'hello',
      '9999999 00000000000000000000000000000000\n',
      '3 zz\nabc',
      `4 ${'0'.repeat(32)}\nabcd`,
    ]) {
      const path = folder.at('bad');
      writeFileSync(path, text);
      const reader = new RecordReader(path);
      assert.equal(reader.next(), undefined, text);
      reader.close();
    }
  });
});

describe('a stream with a mark at its end', () => {
  function read(pieces: readonly string[]) {
    let text = '';
    const stream = new MarkedStream('MARK', (data) => {
      text += data.toString('latin1');
    });
    for (const piece of pieces) stream.push(Buffer.from(piece, 'latin1'));
    return { text, status: stream.status };
  }

  it('gives every byte before it, wherever it is cut', () => {
    const whole = 'a\0MAR MARKMARK 37\nlater';
    for (let at = 0; at <= whole.length; at++) {
      assert.deepEqual(read([whole.slice(0, at), whole.slice(at)]), { text: 'a\0MAR MARK', status: 37 });
    }
    assert.deepEqual(read([...whole]), { text: 'a\0MAR MARK', status: 37 });
  });

  it('holds back only what may be the mark', () => {
    assert.deepEqual(read(['abcMA']), { text: 'abc', status: undefined });
    assert.deepEqual(read(['abc', 'MA', 'x']), { text: 'abcMAx', status: undefined });
    assert.deepEqual(read(['MARK 2']), { text: '', status: undefined });
  });
});
