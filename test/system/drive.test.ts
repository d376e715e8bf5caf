import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const prompt = 'beeline:.*# $';
const limit = 120;

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex');

describe('drives', function () {
  this.timeout((limit + 30) * 1000);
  const folder = new TemporaryFolder();

  /** Boots debian-busybox with these drives, types the commands, powers off, and returns the console. */
  async function guest(drives: readonly string[], commands: readonly string[]): Promise<string> {
    const sends = [...commands, 'poweroff -f'].flatMap((command) => ['--send', `${prompt}=${command}\\n`]);
    const options = drives.flatMap((drive) => ['--drive', drive]);
    const args = ['run', 'debian-busybox', ...options, ...sends, '--timeout', String(limit)];
    const result = await beeline(args, { limit: limit + 20 });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    return result.stdout;
  }

  function disk(name: string, data: Uint8Array): string {
    const path = folder.at(name);
    writeFileSync(path, data);
    return path;
  }

  it('are read, written, and kept, by io_uring and by threads', async () => {
    const data = randomBytes(4 << 20);
    const drives = [disk('a', data), disk('b', data), disk('c', Buffer.alloc(1 << 20))];
    const console = await guest(
      [`${drives[0]},serial=first`, `${drives[1]},aio=threads,format=raw`, `${drives[2]}`],
      [
        'cat /sys/block/vda/serial; md5sum /dev/vda /dev/vdb',
        'dd if=/dev/vda of=/dev/vdb bs=64k skip=3 count=5 conv=fsync',
        'dd if=/dev/vda of=/dev/vda bs=4k seek=700 count=9 conv=fsync',
        'echo 3 > /proc/sys/vm/drop_caches; md5sum /dev/vda /dev/vdb; blkdiscard /dev/vdc 2>&1; cat /sys/block/vdc/size',
      ],
    );
    const a = Buffer.from(data);
    data.copy(a, 700 * 4096, 0, 9 * 4096);
    const b = Buffer.from(data);
    data.copy(b, 0, 3 * 65536, 8 * 65536);
    assert.match(console, /^first[0-9a-f]{32} /m);
    for (const [sum, name] of [
      [md5(data), 'vda'],
      [md5(data), 'vdb'],
      [md5(a), 'vda'],
      [md5(b), 'vdb'],
    ]) {
      assert.match(console, new RegExp(`${sum}  /dev/${name}`));
    }
    assert.match(console, /^2048\r?$/m);
    assert.ok(readFileSync(folder.at('a')).equals(a));
    assert.ok(readFileSync(folder.at('b')).equals(b));
  });

  it('are PCI devices, with several of them on one bus', async () => {
    const data = randomBytes(1 << 20);
    const console = await guest(
      [`${disk('a', data)},bus=pci,serial=pci-1`, `${disk('b', data)},bus=pci`, `${disk('c', data)}`],
      [
        'cat /sys/bus/pci/devices/0000:00:01.0/virtio*/block/*/serial; md5sum /dev/vda /dev/vdb /dev/vdc',
        'cat /sys/bus/pci/devices/*/device',
      ],
    );
    assert.match(console, /^pci-1/m);
    for (const name of ['vda', 'vdb', 'vdc']) assert.match(console, new RegExp(`${md5(data)}  /dev/${name}`));
    assert.match(console, /0x0008\r?\n0x1042\r?\n0x1042\r?\n/);
  });

  it('are qcow2 files with compressed clusters below, in which qemu-img finds nothing wrong', async () => {
    const data = randomBytes(1 << 20);
    disk('raw', data);
    const image = (...args: string[]) => execFileSync('qemu-img', args, { cwd: folder.path, encoding: 'utf8' });
    image('convert', '-c', '-O', 'qcow2', '-o', 'compression_type=zstd', 'raw', 'base');
    image('create', '-q', '-f', 'qcow2', '-b', 'base', '-F', 'qcow2', 'top');
    const console = await guest(
      [folder.at('top')],
      [
        'dd if=/dev/zero of=/dev/vda bs=1k seek=100 count=200 conv=fsync; echo 3 > /proc/sys/vm/drop_caches; md5sum /dev/vda',
      ],
    );
    data.fill(0, 100 * 1024, 300 * 1024);
    assert.match(console, new RegExp(`${md5(data)}  /dev/vda`));
    assert.match(image('check', 'top'), /No errors were found/);
    image('convert', '-O', 'raw', 'top', 'after');
    assert.ok(readFileSync(folder.at('after')).equals(data));
  });

  it('stay as they are with readonly and snapshot', async () => {
    const data = randomBytes(1 << 20);
    const console = await guest(
      [`${disk('a', data)},readonly`, `${disk('b', data)},snapshot`],
      [
        'cat /sys/block/vda/ro /sys/block/vdb/ro; dd if=/dev/zero of=/dev/vda bs=4k count=1',
        'dd if=/dev/zero of=/dev/vdb bs=1k seek=3 count=100 conv=fsync; echo 3 > /proc/sys/vm/drop_caches; md5sum /dev/vdb',
      ],
    );
    const changed = Buffer.from(data);
    changed.fill(0, 3 * 1024, 103 * 1024);
    assert.match(console, /1\r?\n0\r?\n/);
    assert.match(console, /can't open '\/dev\/vda'|Operation not permitted|Read-only|write error/);
    assert.match(console, new RegExp(`${md5(changed)}  /dev/vdb`));
    assert.ok(readFileSync(folder.at('a')).equals(data));
    assert.ok(readFileSync(folder.at('b')).equals(data));
  });

  it('are refused with a reason', async () => {
    const path = disk('odd', Buffer.alloc(1000));
    const refuses = async (drive: string, message: RegExp) => {
      const result = await beeline(['run', 'debian-busybox', '--drive', drive], { limit });
      assert.equal(result.status, 2, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split('\n').length, 1);
    };
    await refuses('/nowhere', /--drive: \/nowhere does not exist/);
    await refuses(folder.path, /--drive: .* cannot be read \(it is a folder\)/);
    await refuses('x,format=vhd', /--drive: format=vhd is not known; write it as FILE/);
    await refuses(path, /--drive: .*odd: a raw image has whole sectors of 512 bytes, and it has 1000 bytes; extend it/);
    truncateSync(path, 1024);
    await refuses(`${path},format=qcow2`, /--drive: .*odd is not a qcow2 image/);
  });
});
