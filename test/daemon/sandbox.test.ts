// The processes of guests, confined: what the kernel says of them, and that guests do not miss anything.
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { beeline } from '../support/cli.js';
import { eventually, TestDaemon } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** Of every thread: the values of a line of its status. */
function statusOf(pid: number, name: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  });
  return [...new Set(values)];
}

describe("a guest's process", function () {
  this.timeout(240_000);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());

  it('has given up privileges, and its guest uses disks and network', async () => {
    await beeline(['image', 'build', '--quiet', 'debian-busybox'], { limit: 100 });
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const kept = folder.at('kept.img');
    const thrown = folder.at('thrown.img');
    for (const path of [kept, thrown]) {
      writeFileSync(path, 'from the host\n');
      truncateSync(path, 1 << 20);
    }
    const server = createServer((socket) => socket.end('over the network\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const owner = await daemon.client();
    await owner.call('vm.create', {
      name: 'a',
      config: {
        image: 'debian-busybox',
        drives: [
          { path: kept, format: 'raw' },
          { path: thrown, format: 'raw', snapshot: true },
        ],
        networks: [{ kind: 'user' }],
      },
      start: true,
    });
    const { pid } = await owner.call('vm.status', { vm: 'a' });
    assert.deepEqual(statusOf(pid ?? 0, 'Seccomp'), ['2']);
    assert.deepEqual(statusOf(pid ?? 0, 'NoNewPrivs'), ['1']);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
      assert.deepEqual(statusOf(pid ?? 0, set), ['0000000000000000'], set);
    }
    let console = '';
    await owner.attach({ vm: 'a', from: 0 }, (bytes) => {
      console += Buffer.from(bytes).toString();
    });
    await eventually('a prompt', () => /beeline:~# /.test(console), 90);
    const commands = [
      'head -n 1 /dev/vda; for disk in vda vdb; do echo from the guest | dd of=/dev/$disk conv=notrunc 2>&1; done; sync',
      `udhcpc -i eth0 -n -q; nc 10.0.2.2 ${port}; echo do''ne`,
    ];
    await owner.call('console.write', { vm: 'a', base64: Buffer.from(`${commands.join('; ')}\n`).toString('base64') });
    await eventually('the commands have run', () => /^done/m.test(console), 60);
    server.close();
    assert.match(console, /^from the host/m);
    assert.match(console, /^over the network/m);
    assert.match(readFileSync(kept, 'latin1'), /^from the guest/);
    assert.match(readFileSync(thrown, 'latin1'), /^from the host/);
    await owner.call('vm.stop', { vm: 'a' });
    owner.close();
  });

  it('lets clients of QMP write to one folder of its own', async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    const { QMPClient } = await import('node-qemu');
    const client = new QMPClient({ socketPath: `${daemon.state}/guests/a/qmp` });
    await client.connect();
    await client.execute('pmemsave', { val: 0x4008_0000, size: 8, filename: 'piece' });
    assert.equal(readFileSync(`${daemon.state}/guests/a/dumps/piece`).length, 8);
    for (const filename of [folder.at('outside'), '../record.json', `${daemon.state}/guests/a/start.json`, '..']) {
      await assert.rejects(client.execute('pmemsave', { val: 0x4008_0000, size: 8, filename }), /Could not open/);
    }
    assert.ok(!existsSync(folder.at('outside')));
    await client.close();
    owner.close();
  });

  it('is not confined where the configuration says so', async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start({ BEELINE_SANDBOX: 'off' });
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    const { pid } = await owner.call('vm.status', { vm: 'a' });
    assert.deepEqual(statusOf(pid ?? 0, 'Seccomp'), statusOf(process.pid, 'Seccomp'));
    owner.close();
  });
});
