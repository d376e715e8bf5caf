import { strict as assert } from 'node:assert';
import {
  checkCpus,
  parseCopyIn,
  parseCopyOut,
  parseCpus,
  parseDrive,
  parseEnv,
  parseLoad,
  parseRegex,
  parseSend,
  parseSerial,
  parseTimeout,
} from '../../src/cli/parse.js';
import { throwsCode } from '../support/throws.js';

describe('option values', () => {
  it('bounds the number of CPUs by the interrupt controller', () => {
    assert.equal(parseCpus('4'), 4);
    for (const text of ['0', '-1', '1.5', 'two', '']) throwsCode('BEELINE_E_CPUS', () => parseCpus(text));
    checkCpus(8, 2);
    checkCpus(64, 3);
    assert.match(throwsCode('BEELINE_E_CPUS', () => checkCpus(9, 2)).message, /or choose --gic 3/);
    throwsCode('BEELINE_E_CPUS', () => checkCpus(65, 3));
  });

  it('reads regular expressions in multi-line mode and explains bad ones', () => {
    assert.ok(parseRegex('--until', '^b$').test('a\nb\nc'));
    const error = throwsCode('BEELINE_E_REGEX', () => parseRegex('--until', '(['));
    assert.match(error.message, /^--until: \(\[ is not a regular expression \(Unterminated character class\)/);
    throwsCode('BEELINE_E_REGEX', () => parseRegex('--until', ''));
  });

  it('takes drives apart', () => {
    const plain = { path: 'a', format: 'probe', readonly: false, snapshot: false, at: '', serial: '', aio: 'auto' };
    assert.deepEqual(parseDrive('a'), plain);
    assert.deepEqual(parseDrive('a,,b,,,readonly'), { ...plain, path: 'a,b,', readonly: true });
    assert.deepEqual(parseDrive('a,format=raw,snapshot,at=before,serial=x-1,aio=threads,bus=pci'), {
      ...plain,
      format: 'raw',
      snapshot: true,
      at: 'before',
      serial: 'x-1',
      aio: 'threads',
      bus: 'pci',
    });
    assert.deepEqual(parseDrive('a,readonly=on,snapshot=off'), { ...plain, readonly: true });
    for (const text of [
      '',
      ',readonly',
      'a,',
      'a,format=vhd',
      'a,readonly,readonly',
      'a,serial=',
      'a,at=',
      'a,x',
      'a,readonly=1',
    ]) {
      assert.match(throwsCode('BEELINE_E_OPTION_VALUE', () => parseDrive(text)).message, /write it as FILE\[,format=/);
    }
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseDrive(`a,serial=${'x'.repeat(21)}`));
  });

  it('cuts --send at the first = without a backslash', () => {
    const send = parseSend('a\\=b=c=d');
    assert.equal(send.regex.source, 'a=b');
    assert.equal(Buffer.from(send.text).toString(), 'c=d');
    const even = parseSend('a\\\\=b');
    assert.equal(even.regex.source, 'a\\\\');
    assert.equal(Buffer.from(even.text).toString(), 'b');
  });

  it('knows the escapes of --send', () => {
    assert.deepEqual([...parseSend('x=\\n\\r\\t\\\\\\x03é').text], [10, 13, 9, 92, 3, 0xc3, 0xa9]);
    assert.equal(parseSend('x=').text.length, 0);
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseSend('x=\\q'));
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseSend('x=\\'));
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseSend('x=\\x1'));
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseSend('no equals sign'));
    throwsCode('BEELINE_E_REGEX', () => parseSend('(=x'));
    throwsCode('BEELINE_E_REGEX', () => parseSend('=x'));
  });

  it('reads timeouts', () => {
    assert.equal(parseTimeout('0.5'), 0.5);
    for (const text of ['0', '-1', 'soon', '', '99999999']) {
      throwsCode('BEELINE_E_OPTION_VALUE', () => parseTimeout(text));
    }
  });

  it('reads serial targets', () => {
    assert.deepEqual(parseSerial('stdio'), { kind: 'stdio' });
    assert.deepEqual(parseSerial('file:a:b'), { kind: 'file', path: 'a:b' });
    for (const text of ['file:', 'tcp', '']) throwsCode('BEELINE_E_OPTION_VALUE', () => parseSerial(text));
  });

  it('reads files to load at an address', () => {
    assert.deepEqual(parseLoad('a@b@0x40200000'), { path: 'a@b', address: 0x40200000 });
    for (const text of ['a', '@1', 'a@', 'a@0xg']) throwsCode('BEELINE_E_OPTION_VALUE', () => parseLoad(text));
  });

  it('takes variables apart, or takes them over', () => {
    assert.deepEqual(parseEnv('A_1=b=c\nd', {}), ['A_1', 'b=c\nd']);
    assert.deepEqual(parseEnv('A=', {}), ['A', '']);
    assert.deepEqual(parseEnv('HOME', { HOME: '/x' }), ['HOME', '/x']);
    throwsCode('BEELINE_E_OPTION_VALUE', () => parseEnv('HOME', {}));
    for (const text of ['', '=x', '1A=x', 'A B=c']) throwsCode('BEELINE_E_OPTION_VALUE', () => parseEnv(text, {}));
  });

  it('takes paths of host and guest apart', () => {
    assert.deepEqual(parseCopyIn('a:b:/c'), { host: 'a:b', guest: '/c' });
    assert.deepEqual(parseCopyIn('./x/:/y/'), { host: './x/', guest: '/y/' });
    assert.deepEqual(parseCopyOut('/a:b:c'), { guest: '/a', host: 'b:c' });
    for (const text of ['', 'a', 'a:b', ':/b']) throwsCode('BEELINE_E_OPTION_VALUE', () => parseCopyIn(text));
    for (const text of ['', 'a:b', '/a', '/a:', '/a/:b', '/:b']) {
      throwsCode('BEELINE_E_OPTION_VALUE', () => parseCopyOut(text));
    }
  });
});
