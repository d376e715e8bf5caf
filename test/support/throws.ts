import { strict as assert } from 'node:assert';
import { BeelineError, type ErrorCode } from '../../src/errors.js';

/** Asserts that `run` throws the error of the table with this code, and returns it. */
export function throwsCode(code: ErrorCode, run: () => unknown): BeelineError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof BeelineError, `not a BeelineError: ${error}`);
    assert.equal(error.code, code);
    return error;
  }
  assert.fail(`${code} was not thrown`);
}

/** For assert.rejects() and assert.throws(): the error of the table with this code, and this message if one is given. */
export function refusedWith(code: ErrorCode, message?: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof BeelineError, `not a BeelineError: ${error}`);
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}
