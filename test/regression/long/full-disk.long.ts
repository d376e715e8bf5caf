// A history on a file system that is really full: a small tmpfs in a mount namespace of its own, which takes a kernel that
// lets this user make one.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cliPath } from '../../support/cli.js';
import { TemporaryFolder } from '../../support/temporary.js';
import { addWorkload, benchEnvironment } from '../../support/workloads.js';

describe('a history on a full disk', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();

  it('keeps what it had; what it cannot keep is printed all the same, and named', () => {
    addWorkload(folder, 'hello', "title: Hello\nimage: bare/hello\nphases: [{ name: all, until: '^DONE' }]\n");
    mkdirSync(folder.at('disk'));
    const script = [
      'set -e',
      'mount -t tmpfs -o size=256k none "$1"',
      // From now on into that.
      'cd "$1"',
      'run() { status=0; "$2" "$3" bench run --runs 1 --warm-up 0 2>&1 || status=$?; echo "run: $status"; }',
      'list() { "$2" "$3" bench history; echo listed; }',
      'run "$@"',
      'head -c 1M /dev/zero > filler 2> /dev/null && exit 1',
      'run "$@"',
      'list "$@"',
      'rm filler',
      'run "$@"',
      'list "$@"',
    ].join('\n');
    const env = { ...process.env, ...benchEnvironment(folder), BEELINE_BENCH_HISTORY: folder.at('disk', 'h.sqlite') };
    const args = ['-Urm', 'sh', '-c', script, 'sh', folder.at('disk'), process.execPath, cliPath];
    const { stdout, stderr, status } = spawnSync('unshare', args, { env, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    const runs = stdout.split(/^run: /m);
    assert.equal(runs.length, 4, stdout);
    assert.match(runs[1] ?? '', /^0$/m);
    assert.match(runs[1] ?? '', /^beeline: .*h\.sqlite.*(no space left|the disk may be full)/m);
    assert.match(runs[1] ?? '', /^\| hello +\| all /m);
    const idOf = (text = '') => /^Result (\S+),/m.exec(text)?.[1];
    const listed = (text = '') => [...text.matchAll(/^(\S+) .* measure {2}1 runs; /gm)].map(([, id]) => id);
    assert.match(runs[2] ?? '', /^1$/m);
    assert.deepEqual(listed(runs[2]), [idOf(runs[0])]);
    assert.match(runs[3] ?? '', /^0$/m);
    assert.deepEqual(listed(runs[3]), [idOf(runs[0]), idOf(runs[2])]);
  });
});
