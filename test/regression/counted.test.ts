import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { repeatability } from '../../src/regression/repeatability.js';
import { readResult } from '../../src/regression/result.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { addWorkload, benchEnvironment } from '../support/workloads.js';

describe('beeline bench run --icount', function () {
  this.timeout(180_000);
  const folder = new TemporaryFolder();
  const add = (name: string, text: string) => addWorkload(folder, name, text);
  const bench = (...args: string[]) =>
    beeline(['bench', ...args], {
      env: benchEnvironment(folder),
      limit: 170,
    });
  const once = ['--runs', '1', '--warm-up', '0'];

  it('counts the same in every phase of every run, with a disk and a dialog', async () => {
    add(
      'dialog',
      [
        'title: Commands that are typed',
        'image: debian-busybox',
        'disk: 4M',
        'phases:',
        "  - { name: init, until: 'beeline:.*# $' }",
        `  - { name: write, send: "seq 9999 > /dev/vda; sync; echo writ''ten\\n", until: '^written\\r?\\n' }`,
        `  - { name: read, send: "md5sum /dev/vda; echo do''ne\\n", until: '^done\\r?\\n', expect: '^[0-9a-f]{32} ' }`,
      ].join('\n'),
    );
    const file = folder.at('counted.json');
    const { status, stdout, stderr } = await bench('run', '--icount', '--runs', '2', '--warm-up', '0', '--json', file);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\| dialog +\| head +\| +\d+ \| +2 of 2 \|$/m);
    const result = readResult(file);
    assert.ok(result.icount);
    const [first, second] = result.runs.map((run) => {
      assert.ok(run.status === 'done');
      return [...run.phases, run.total].map(({ instructions }) => instructions ?? 0);
    });
    assert.ok(first?.length === 4 && first.every((count) => count > 1000), JSON.stringify(first));
    assert.deepEqual(first, second);
    assert.equal(repeatability(result)[0]?.identical, 2);
    assert.match((await bench('history')).stdout, / measure, --icount {2}2 runs; /);
  });

  it('is judged by instructions, and not compared with other time', async () => {
    add('hello', "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^DONE' }]\nends: poweroff\n");
    const [counted, usual] = [folder.at('counted.json'), folder.at('usual.json')];
    assert.equal((await bench('run', '--icount', '--runs', '6', '--warm-up', '0', '--json', counted)).status, 0);
    const same = await bench('compare', counted, counted);
    assert.equal(same.status, 0, same.stdout);
    assert.match(same.stdout, /^\| hello +\| instructions .* 1\.000 to 1\.000 .*\*\*same\*\*/m);
    assert.equal((await bench('run', ...once, '--json', usual)).status, 0);
    const mixed = await bench('compare', counted, usual);
    assert.equal(mixed.status, 2);
    assert.match(mixed.stderr, /counted guest time/);
    assert.match((await bench('run', '--icount', '--reference', 'qemu-system-aarch64')).stderr, /--icount/);
  });

  it('needs one CPU', async () => {
    add('smp', "title: Two\nimage: bare/hello\ncpus: 2\nphases: [{ name: all, until: '^DONE' }]\n");
    const file = folder.at('smp.json');
    assert.equal((await bench('run', '--icount', ...once, '--json', file)).status, 1);
    assert.match(readFileSync(file, 'utf8'), /"not-started"[^}]*one CPU/);
  });
});
