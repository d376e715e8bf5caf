import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';
import {
  checkWorkload,
  parseWorkload,
  readWorkload,
  selectWorkloads,
  workloadNames,
  workloadPath,
} from '../../src/regression/workloads.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';

const small = "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^PASS' }]\n";

describe('workloads', function () {
  this.timeout(30_000);
  const folder = new TemporaryFolder();
  const add = (name: string, text: string) => {
    mkdirSync(folder.at(name), { recursive: true });
    writeFileSync(folder.at(name, 'workload.yaml'), text);
  };

  it('of the project are all good, each in fewer than 20 lines', () => {
    const names = workloadNames();
    assert.ok(names.length >= 10);
    for (const name of names) {
      assert.deepEqual(checkWorkload(name), [], name);
      assert.ok(readFileSync(workloadPath(name), 'utf8').trimEnd().split('\n').length < 20, name);
    }
  });

  it('are added by one file, as the page about them says', () => {
    const page = readFileSync(join(projectRoot, 'docs/bench.md'), 'utf8');
    const example = /^```yaml\n(.*?)^```/ms.exec(page)?.[1] ?? '';
    add('mine', example);
    assert.deepEqual(checkWorkload('mine', folder.path), []);
    assert.equal(readWorkload('mine', folder.path).phases.length, 3);
  });

  it('are told what is wrong with them, all of it', () => {
    const problems = (text: string) => {
      const parsed = parseWorkload(text);
      assert.ok(Array.isArray(parsed), text);
      return parsed as readonly string[];
    };
    assert.match(problems('title: [')[0] ?? '', /^line 1: /);
    assert.match(problems('title: a\ntitle: b\n')[0] ?? '', /^line 2: .*unique/);
    assert.match(problems('')[0] ?? '', /^the document is wrong/);
    assert.deepEqual(
      problems(`${small}colour: red\nmemory: 1\n`).map((line) => line.split(' ')[0]),
      ['/colour', '/memory'],
    );
    assert.match(problems(small.replace('bare/hello', 'bare/nothing'))[0] ?? '', /^\/image is wrong/);
    assert.match(problems(small.replace('^PASS', '(PASS'))[0] ?? '', /^\/phases\/0\/until is wrong/);
    assert.match(problems(`${small}memory: 3K\n`)[0] ?? '', /^\/memory is wrong/);
    assert.match(problems(`${small}phases2: 1\n`)[0] ?? '', /phases2/);
    const twice = 'title: a\nimage: bare/hello\nphases: [{ name: a, until: b }, { name: a, until: c }]\n';
    assert.match(problems(twice)[0] ?? '', /^\/phases\/1\/name is wrong/);
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...'bcdefgh'.split('').map((letter, index) => {
        const before = 'abcdefgh'[index];
        return `${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`;
      }),
    ].join('\n');
    assert.match(problems(bomb)[0] ?? '', /alias/);
  });

  it('are selected by name and tag; long ones only so', () => {
    add('one', `${small}tags: [quick]\n`);
    add('two', small);
    add('slow', `${small}tags: [long, quick]\n`);
    const select = (...words: string[]) => selectWorkloads(words, folder.path).map(({ name }) => name);
    assert.deepEqual(select(), ['one', 'two']);
    assert.deepEqual(select('quick'), ['one', 'slow']);
    assert.deepEqual(select('two', 'one'), ['one', 'two']);
    assert.deepEqual(select('long', 'two'), ['slow', 'two']);
    throwsCode('BEELINE_E_WORKLOAD_UNKNOWN', () => select('three'));
    add('bad', 'nonsense');
    assert.deepEqual(select('one'), ['one']);
    throwsCode('BEELINE_E_WORKLOAD', () => select('bad'));
  });

  it('are listed and checked by the command line', async () => {
    add('good', small);
    add('bad', `${small}colour: red\n`);
    const env = { BEELINE_WORKLOADS: folder.path };
    const listed = await beeline(['bench', 'list'], { env });
    assert.equal(listed.stdout, 'bad   wrong: see beeline bench check\ngood  Hello: all\n');
    const checked = await beeline(['bench', 'check'], { env });
    assert.equal(checked.status, 2);
    assert.equal(checked.stdout, `${folder.at('bad', 'workload.yaml')}: /colour is unknown\ngood: good\n`);
    assert.equal((await beeline(['bench', 'check', 'good'], { env })).status, 0);
    assert.match(
      (await beeline(['bench', 'check', 'none'], { env: {} })).stderr,
      /no workload has the name or tag none/,
    );
    const json: unknown = JSON.parse((await beeline(['bench', 'list', '--json'])).stdout);
    assert.ok(Array.isArray(json) && json.length >= 10);
  });
});
