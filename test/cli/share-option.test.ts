import { strict as assert } from 'node:assert';
import { checkShares, parseShare } from '../../src/cli/share-option.js';
import { throwsCode } from '../support/throws.js';

describe('shared folders on the command line', () => {
  it('are taken apart', () => {
    assert.deepEqual(parseShare('/a,tag=t'), { path: '/a', tag: 't', readonly: false });
    assert.deepEqual(parseShare('a,,b,readonly,bus=pci,tag=t'), { path: 'a,b', tag: 't', readonly: true, bus: 'pci' });
  });

  it('are refused when malformed', () => {
    for (const text of [
      '',
      '/a',
      '/a,tag=',
      '/a,tag=a b',
      '/a,tag=a,tag=b',
      '/a,tag=a,rw',
      `/a,tag=${'a'.repeat(32)}`,
    ]) {
      const { message } = throwsCode('BEELINE_E_OPTION_VALUE', () => parseShare(text));
      assert.match(message, /^--share: .*; write it as PATH,tag=TAG/);
    }
    const twice = [parseShare('/a,tag=t'), parseShare('/b,tag=t')];
    assert.match(throwsCode('BEELINE_E_OPTION_VALUE', () => checkShares(twice)).message, /two folders with the tag t/);
  });
});
