import { strict as assert } from 'node:assert';
import { EscapeKeys } from '../../src/cli/escape-keys.js';

function feed(...chunks: string[]): string[] {
  const seen: string[] = [];
  const keys = new EscapeKeys({
    onData: (data) => seen.push(`data ${Buffer.from(data).toString('latin1')}`),
    onAction: (action) => seen.push(action),
  });
  for (const chunk of chunks) keys.push(Buffer.from(chunk, 'latin1'));
  return seen;
}

describe('escape keys', () => {
  it('pass everything else through', () => {
    assert.deepEqual(feed('abc\x03\xff'), ['data abc\x03\xff']);
  });
  it('quit, help, and Ctrl-A itself, across chunks', () => {
    assert.deepEqual(feed('a\x01', 'xb'), ['data a', 'quit', 'data b']);
    assert.deepEqual(feed('\x01?'), ['help']);
    assert.deepEqual(feed('\x01c'), ['resume']);
    assert.deepEqual(feed('\x01\x01\x01', '\x01'), ['data \x01', 'data \x01']);
  });
  it('drop a key that means nothing', () => {
    assert.deepEqual(feed('\x01qz'), ['data z']);
  });
});
