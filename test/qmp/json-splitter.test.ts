import { strict as assert } from 'node:assert';
import { JsonSplitter, type Piece } from '../../src/qmp/json-splitter.js';

function split(text: string, size: number): Piece[] {
  const splitter = new JsonSplitter();
  const bytes = Buffer.from(text);
  const found: Piece[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...splitter.push(bytes.subarray(at, at + size)));
  return found;
}

const objects = (pieces: readonly Piece[]) =>
  pieces.flatMap((piece) => (piece.kind === 'object' ? [piece.text] : [piece.kind]));

describe('objects in a stream', () => {
  it('are found on lines, across lines and without any, however the stream is cut', () => {
    const text = '{"a":1}\r\n {"b":{"c":"}{\\"}"}}{"d":\n2}\n\n';
    for (const size of [1, 2, 3, 100]) {
      assert.deepEqual(
        objects(split(text, size)),
        ['{"a":1}', '{"b":{"c":"}{\\"}"}}', '{"d":\n2}'],
        `pieces of ${size}`,
      );
    }
  });

  it('are found again behind what is none', () => {
    assert.deepEqual(objects(split('nonsense ]"\n{}\n42\n{"a":0}', 5)), ['garbage', '{}', 'garbage', '{"a":0}']);
  });

  it('may not be endless', () => {
    assert.ok(split('{'.repeat(1_100_000), 65_536).some(({ kind }) => kind === 'overflow'));
  });
});
