import { strict as assert } from 'node:assert';
import { checkHostMemory, formatBytes, parseMemory } from '../src/memory-size.js';
import { throwsCode } from './support/throws.js';

const MiB = 1024 * 1024;

describe('sizes of memory', () => {
  it('reads memory sizes', () => {
    for (const [text, bytes] of [
      ['1G', 1024 * MiB],
      ['512M', 512 * MiB],
      ['512', 512 * MiB],
      ['2048K', 2 * MiB],
      ['1.5g', 1536 * MiB],
      ['64MiB', 64 * MiB],
    ] as const) {
      assert.equal(parseMemory(text), bytes, text);
    }
  });

  it('refuses memory that is none, crooked or no size at all', () => {
    for (const text of ['0', '0G', '3M', '1K', '2.1M', '-1G', '1X', '', 'lots', '1e3', '99999999999999999999G']) {
      const error = throwsCode('BEELINE_E_MEMORY', () => parseMemory(text));
      assert.match(error.message, /^--memory: .*; give a multiple of 2 MiB/);
    }
  });

  it('refuses more memory than the host has', () => {
    checkHostMemory(1024 * MiB, 1024 * MiB);
    throwsCode('BEELINE_E_MEMORY', () => checkHostMemory(1024 * MiB + 2 * MiB, 1024 * MiB));
  });

  it('writes sizes for people', () => {
    assert.equal(formatBytes(1536 * MiB), '1.5 GiB');
    assert.equal(formatBytes(2 * MiB), '2 MiB');
    assert.equal(formatBytes(12), '12 B');
  });
});
