import { strict as assert } from 'node:assert';
import { ConfigSchema } from '../../src/daemon/config.js';
import { methods } from '../../src/monitor/protocol.js';
import { firstFault } from '../../src/monitor/validation.js';

describe('what is wrong with a value', () => {
  const create = (name: string, config: object) =>
    firstFault(methods.get('vm.create')?.params ?? ConfigSchema, { name, config });

  it('is told in words: where it is, and what would be right', () => {
    assert.equal(create('a', { image: 'x' }), undefined);
    assert.equal(create('a', { gic: 9 }), 'config.gic: Expected one of 2, 3');
    assert.equal(create('a', { networks: [{ kind: 'bridge' }] }), 'config.networks.0.kind: Expected one of user, tap');
    assert.equal(
      create('A', {}),
      "name: Expected string to match '^[a-z0-9][a-z0-9_.-]*$' (Name of a guest: small letters, digits and _ . - inside)",
    );
    assert.equal(create('a', { cpus: 0 }), 'config.cpus: Expected integer to be greater or equal to 1');
    assert.equal(
      firstFault(ConfigSchema, { log: { level: 'loud' } }),
      'log.level: Expected one of trace, debug, info, warn, error, fatal',
    );
    assert.equal(firstFault(ConfigSchema, 3), 'params: Expected object');
  });
});
