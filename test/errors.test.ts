import { strict as assert } from 'node:assert';
import { BeelineError, type ErrorCode, errorTable, isErrorCode } from '../src/errors.js';

describe('the table of errors', () => {
  it('has a cause and an exit status of the documented ones in every row', () => {
    for (const [code, row] of Object.entries(errorTable)) {
      assert.match(code, /^BEELINE_E_[A-Z_]+$/);
      assert.ok(row.cause.length > 0, code);
      assert.ok([1, 2, 4, 130].includes(row.status), code);
    }
  });

  it('fills placeholders and joins cause and remedy in one line', () => {
    const error = new BeelineError('BEELINE_E_FILE_MISSING', { option: '--kernel', path: 'a\nb' });
    assert.equal(error.message, '--kernel: a b does not exist; check the path');
    assert.equal(error.status, 2);
  });

  it('leaves out a remedy that is empty', () => {
    assert.equal(new BeelineError('BEELINE_E_MACHINE', { detail: 'x' }).message, 'the machine failed: x');
  });

  it('tells its own codes from others', () => {
    assert.ok(isErrorCode('BEELINE_E_USAGE' satisfies ErrorCode));
    assert.ok(!isErrorCode('toString'));
    assert.ok(!isErrorCode('ENOENT'));
  });
});
