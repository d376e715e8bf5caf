import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

describe('files that the machine refuses', function () {
  this.timeout(60_000);
  const folder = new TemporaryFolder();
  let kernel = '';

  before(async () => {
    kernel = (await beeline(['image', 'path', 'debian-busybox', '--kernel'])).stdout.trim();
  });

  async function refuses(args: string[], message: RegExp): Promise<void> {
    const result = await beeline(['run', '--timeout', '5', ...args]);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^beeline: .+; .+\n$/, 'one line, with a remedy');
    assert.equal(result.stderr.split('\n').length, 2, result.stderr);
    assert.equal(result.status, 2, result.stderr);
    assert.equal(result.stdout, '');
  }

  function file(name: string, data: string | Uint8Array): string {
    writeFileSync(folder.at(name), data);
    return folder.at(name);
  }

  it('a kernel that is none', async () => {
    await refuses(['--kernel', file('text', 'hello')], /--kernel: .*text is not an arm64 Linux Image/);
    await refuses(['--kernel', file('empty', '')], /--kernel: .*it is empty/);
    await refuses(['--kernel', '/bin/true'], /--kernel: .*it is an ELF for x86-64/);
    const cut = gzipSync(readFileSync(kernel)).subarray(0, 100_000);
    await refuses(['--kernel', file('cut.gz', cut)], /--kernel: .*not a complete gzip file/);
  });

  it('a kernel or an initial RAM disk that does not fit', async () => {
    await refuses(['--kernel', kernel, '--memory', '16M'], /--kernel: .* does not fit the guest memory of 16 MiB/);
    const big = file('big', Buffer.concat([Buffer.from('070701'), Buffer.alloc(64 * 1024 * 1024)]));
    await refuses(
      ['--kernel', kernel, '--initrd', big, '--memory', '64M'],
      /--initrd: .*big \(.*\) does not fit the guest memory of 64 MiB; give more with --memory/,
    );
  });

  it('a file loaded where there is no memory', async () => {
    const small = file('small', 'x');
    await refuses(['--load', `${small}@0x9000000`], /--load: there is no memory at 0x9000000/);
    await refuses(['--load', `${small}@0x80000000`], /--load: /);
  });

  it('a device tree that is cut off', async () => {
    const header = Buffer.alloc(40);
    header.writeUInt32BE(0xd00dfeed, 0);
    header.writeUInt32BE(40, 4);
    await refuses(['--kernel', kernel, '--dtb', file('cut.dtb', header)], /--dtb: .*cut\.dtb is not /);
  });
});
