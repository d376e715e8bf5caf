import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const prompt = 'beeline:.*# $';
const limit = 200;

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

describe('shared folders', function () {
  this.timeout((limit + 60) * 1000);
  const folder = new TemporaryFolder();

  /** Boots debian-generic with these options, types the commands, powers off, and returns the console. */
  async function guest(options: readonly string[], commands: readonly string[]): Promise<string> {
    const sends = [...commands, 'poweroff -f'].flatMap((command) => ['--send', `${prompt}=${command}\\n`]);
    const args = ['run', 'debian-generic', ...options, ...sends, '--timeout', String(limit)];
    const result = await beeline(args, { limit: limit + 20 });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    return result.stdout;
  }

  it('are read and written with every kind of request, and nothing beside them is', async () => {
    const [shared, outside] = [folder.at('shared'), folder.at('outside')];
    mkdirSync(shared);
    mkdirSync(outside);
    const data = randomBytes(8 << 20);
    writeFileSync(`${shared}/in`, data);
    mkdirSync(`${shared}/many`);
    for (let number = 0; number < 5000; number++) writeFileSync(`${shared}/many/e${number}`, '');
    writeFileSync(`${outside}/secret`, 'host only\n');
    symlinkSync('../outside/secret', `${shared}/trap`);
    linkSync(`${shared}/in`, `${shared}/in-again`);
    const console = await guest(
      ['--share', `${shared},tag=work`, '--share', `${shared},tag=look,readonly,bus=pci`],
      [
        'stty -echo; modprobe 9p; mkdir /mnt/r /mnt/w; for t in r:look w:work; do mount -t 9p -o trans=virtio,version=9p2000.L ${t#*:} /mnt/${t%:*} || echo "B"AD mount; done; cd /mnt/w',
        'md5sum in; stat -c links:%h in; cat trap; readlink trap; echo x > trap',
        'cp in out; echo more >> out; sync; tail -c 5 out; truncate -s 1000000 out; md5sum out; mv out moved; ln moved hard; ln -s moved soft; cat soft | md5sum',
        'ls many | wc -l; ls many | sort -u | wc -l; rm many/e12*; for i in 1 2 3; do > many/f$i; done; ls many | wc -l; rmdir many || echo not empty; mkdir gone; rmdir gone; ls -d gone',
        'chmod 4750 moved; stat -c mode:%a moved; df . | tail -n 1 | wc -w; mknod dev c 1 3; mkfifo pipe; ls ..; cd /mnt/w/..; ls /mnt/w/../..  > /dev/null; cd /mnt/r',
        'md5sum in; echo x > new; rm in; chmod 777 in; cd /; umount /mnt/r /mnt/w && echo unmounted',
      ],
    );
    for (const text of [md5(data), 'links:2', '../outside/secret', 'more', 'mode:750', 'not empty', 'unmounted']) {
      assert.ok(console.includes(text), `${text} is missing in ${console.slice(-4000)}`);
    }
    const cut = data.subarray(0, 1_000_000);
    assert.match(console, new RegExp(`${md5(cut)}  out[\\s\\S]*${md5(cut)}  -`));
    assert.match(console, /5000\r?\n5000\r?\n4892\r?$/m);
    assert.match(console, /can't create new: Read-only file system/);
    assert.match(console, /mknod: dev: Operation not permitted/);
    assert.doesNotMatch(console, /host only|BAD/);
    assert.equal(readFileSync(`${outside}/secret`, 'utf8'), 'host only\n');
    assert.deepEqual(readdirSync(outside), ['secret']);
    assert.ok(readFileSync(`${shared}/moved`).equals(cut));
    assert.equal(lstatSync(`${shared}/hard`).ino, lstatSync(`${shared}/moved`).ino);
    assert.equal(lstatSync(`${shared}/moved`).mode & 0o7777, 0o750);
    assert.equal(readlinkSync(`${shared}/soft`), 'moved');
    assert.equal(readdirSync(`${shared}/many`).length, 4892);
    assert.ok(readFileSync(`${shared}/in`).equals(data));
  });

  it('are refused with a reason', async () => {
    const refuses = async (share: string, message: RegExp) => {
      const result = await beeline(['run', 'debian-generic', '--share', share], { limit });
      assert.equal(result.status, 2, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split('\n').length, 1);
    };
    await refuses('/nowhere,tag=a', /--share: \/nowhere cannot be shared \(No such file or directory\)/);
    await refuses('/proc,tag=a', /--share: \/proc shows the host's kernel/);
    await refuses('/tmp', /--share: there is no tag; write it as PATH,tag=TAG/);
  });
});
