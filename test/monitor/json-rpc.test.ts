import { strict as assert } from 'node:assert';
import { BeelineError } from '../../src/errors.js';
import {
  errorFrom,
  readMessage,
  writeError,
  writeNotification,
  writeRequest,
  writeResult,
} from '../../src/monitor/json-rpc.js';

const one = (text: string) => {
  const { batch, messages } = readMessage(text);
  assert.equal(batch, false);
  assert.equal(messages.length, 1);
  return messages[0];
};

describe('JSON-RPC', () => {
  it('reads what it writes', () => {
    assert.deepEqual(one(writeRequest(7, 'vm.list', { a: 1 })), {
      kind: 'request',
      id: 7,
      method: 'vm.list',
      params: { a: 1 },
    });
    assert.deepEqual(one(writeNotification('vm.list', {})), { kind: 'notification', method: 'vm.list', params: {} });
    assert.deepEqual(one(writeResult('x', [1])), { kind: 'result', id: 'x', result: [1] });
  });

  it('carries errors of the table as they are', () => {
    const error = new BeelineError('BEELINE_E_VM_UNKNOWN', { vm: 'a' });
    const message = one(writeError(1, error));
    assert.ok(message?.kind === 'error');
    const back = errorFrom(message.error);
    assert.equal(back.code, 'BEELINE_E_VM_UNKNOWN');
    assert.equal(back.message, error.message);
  });

  it('keeps an error of another program as a text', () => {
    const message = one('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}');
    assert.ok(message?.kind === 'error');
    assert.match(errorFrom(message.error).message, /no/);
  });

  it('takes missing params for none', () => {
    assert.deepEqual(one('{"jsonrpc":"2.0","id":1,"method":"a"}'), {
      kind: 'request',
      id: 1,
      method: 'a',
      params: {},
    });
  });

  it('says what is wrong, with the id where there is one', () => {
    const cases: [string, RegExp, unknown][] = [
      ['', /not JSON/, null],
      ['{', /not JSON/, null],
      ['7', /not an object/, null],
      ['null', /not an object/, null],
      ['{"id":1,"method":"a"}', /jsonrpc/, 1],
      ['{"jsonrpc":"2.0","id":{},"method":"a"}', /id is neither/, null],
      [`{"jsonrpc":"2.0","id":"${'x'.repeat(200)}","method":"a"}`, /id is neither/, null],
      ['{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}', /params/, 1],
      ['{"jsonrpc":"2.0","id":1}', /no method/, 1],
      ['{"jsonrpc":"2.0","id":1,"error":{}}', /malformed/, 1],
    ];
    for (const [text, detail, id] of cases) {
      const message = one(text);
      assert.ok(message?.kind === 'invalid', text);
      assert.match(message.detail, detail);
      assert.equal(message.id ?? null, id);
    }
  });

  it('reads batches, but neither empty nor huge ones', () => {
    const { batch, messages } = readMessage(`[${writeRequest(1, 'a', {})},3,${writeNotification('b', {})}]`);
    assert.equal(batch, true);
    assert.deepEqual(
      messages.map(({ kind }) => kind),
      ['request', 'invalid', 'notification'],
    );
    assert.equal(one('[]')?.kind, 'invalid');
    assert.equal(one(`[${Array.from({ length: 65 }, () => '1').join(',')}]`)?.kind, 'invalid');
  });
});
