import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const limit = 120;

describe('beeline run --exec', function () {
  this.timeout((limit + 30) * 1000);
  const folder = new TemporaryFolder();

  const job = (...options: string[]) =>
    beeline(['run', 'debian-busybox', '--timeout', String(limit), ...options], { limit: limit + 20 });

  it('prints what the commands print, byte for byte, and ends with their status', async () => {
    const result = await job(
      ...['--exec', 'printf "\\001\\033[1mone\\r\\n"; echo "$QUOTED" >&2; dmesg -n 8; echo noise > /dev/kmsg'],
      ...['--exec', 'yes 0123456789abcde | head -n 20000; exit 37', '--exec', 'echo never'],
      ...['--env', `QUOTED=it's "$HOME"`],
    );
    assert.equal(result.stdout, `\x01\x1b[1mone\r\n${'0123456789abcde\n'.repeat(20000)}`);
    assert.equal(result.stderr, `it's "$HOME"\n`);
    assert.equal(result.status, 37);
  });

  it('copies files and folders in and out, even after a failure', async () => {
    const data = randomBytes(3 << 20);
    mkdirSync(folder.at('in/deep'), { recursive: true });
    writeFileSync(folder.at('in/deep/a file'), data, { mode: 0o755 });
    writeFileSync(folder.at('one'), 'first');
    const result = await job(
      ...['--copy-in', `${folder.at('in')}:/data/tree`, '--copy-in', `${folder.at('one')}:/data/`],
      ...['--exec', 'cat /data/one; cp -r /data/tree/deep /result; ln -s "a file" /result/link; false'],
      ...['--copy-out', `/result:${folder.at('out')}`, '--copy-out', `/etc/passwd:${folder.path}/`],
    );
    assert.equal(result.stderr, '');
    assert.equal(result.stdout, 'first');
    assert.equal(result.status, 1);
    assert.ok(readFileSync(folder.at('out/link')).equals(data));
    assert.match(readFileSync(folder.at('passwd'), 'utf8'), /^root:/);
  });

  it('does not wait for what the commands leave behind, and lets kept disks be powered off', async () => {
    writeFileSync(folder.at('disk'), Buffer.alloc(1 << 20));
    const drive = folder.at('disk');
    const result = await job('--drive', drive, '--exec', 'sleep 1000 & printf kept > /dev/vda');
    assert.deepEqual(result, { status: 0, stdout: '', stderr: '' });
    assert.equal(readFileSync(drive).toString('latin1', 0, 4), 'kept');
  });

  it('says why commands have not ended', async () => {
    const late = await beeline(['run', 'debian-busybox', '--timeout', '8', '--exec', 'sleep 1000'], { limit });
    assert.equal(late.status, 4);
    assert.match(late.stderr, /the commands have not ended/);
    const off = await job('--exec', 'poweroff -f');
    assert.equal(off.status, 1);
    assert.match(off.stderr, /it ended before the commands did/);
    const missing = await job('--exec', 'echo here', '--copy-out', `/nowhere:${folder.at('nowhere')}`);
    assert.equal(missing.stdout, 'here\n');
    assert.match(missing.stderr, /nowhere/);
    assert.equal(missing.status, 1);
  });

  it('refuses what cannot be', async () => {
    const refused = async (message: RegExp, ...options: string[]) => {
      const result = await job(...options);
      assert.equal(result.status, 2, result.stderr);
      assert.match(result.stderr, message);
    };
    await refused(/--until: --exec reads and types/, '--exec', 'x', '--until', 'y');
    await refused(/--env: it is for the commands/, '--env', 'A=1');
    await refused(/--env: 1=2 does not begin with the name/, '--exec', 'x', '--env', '1=2');
    await refused(/--copy-in: \/nowhere does not exist/, '--exec', 'x', '--copy-in', '/nowhere:/x');
    await refused(/--copy-in: a:b is not two paths/, '--exec', 'x', '--copy-in', 'a:b');
    await refused(/--disk: it keeps the changes to the disk of an image/, '--disk', folder.at('d'));
  });
});
