import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { includesRole } from '../../src/monitor/declare.js';
import { events, methods, notices } from '../../src/monitor/protocol.js';
import { referencePages } from '../../src/monitor/reference.js';
import { protocolSchema } from '../../src/monitor/schema.js';
import { accepts, firstFault } from '../../src/monitor/validation.js';
import { projectRoot } from '../../src/paths.js';

const folder = join(projectRoot, 'docs', 'monitor');

describe('the monitor protocol', () => {
  it('takes no members that it does not know', () => {
    for (const [name, { params }] of methods) {
      assert.match(firstFault(params, { frobnicate: 1 }) ?? '', /./, name);
      assert.equal(params.additionalProperties, false, name);
    }
  });

  it('describes every method, event and notice', () => {
    for (const [name, { description }] of [...methods, ...events, ...notices]) assert.match(description, /\.$/, name);
  });

  it('has roles that include each other', () => {
    assert.ok(includesRole('admin', 'view'));
    assert.ok(includesRole('control', 'control'));
    assert.ok(!includesRole('view', 'control'));
  });

  it('refuses names that could leave their folder', () => {
    const params = methods.get('vm.create')?.params;
    assert.ok(params !== undefined);
    for (const name of ['', '.', '..', '../a', 'a/b', '.a', 'A', 'a b', 'x'.repeat(33), 'a\n']) {
      assert.equal(accepts(params, { name, config: {} }), false, JSON.stringify(name));
    }
    for (const name of ['a', '0', 'a.b-c_d', 'x'.repeat(32)]) assert.ok(accepts(params, { name, config: {} }), name);
  });

  it('can be written as JSON, every declared error with it', () => {
    const schema = JSON.parse(JSON.stringify(protocolSchema())) as ReturnType<typeof protocolSchema>;
    const known = new Set(schema.errors.map(({ code }) => code));
    for (const domain of Object.values(schema.domains)) {
      for (const { errors } of Object.values(domain.methods)) {
        for (const code of errors) assert.ok(known.has(code), code);
      }
    }
  });

  it('has reference pages that are what the sources say', () => {
    const pages = referencePages();
    assert.deepEqual(readdirSync(folder).sort(), [...pages.keys(), 'README.md'].sort(), 'run: npm run schemas');
    for (const [file, text] of pages) {
      assert.equal(readFileSync(join(folder, file), 'utf8'), text, `${file}: run npm run schemas`);
    }
  });
});
