// The processes of guests, confined: what the kernel says of them, and that guests do not miss anything.
import { strict as assert } from 'node:assert';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { identify } from '../../src/daemon/process-identity.js';
import { cachedFolder } from '../../src/images/cache.js';
import { connect } from '../../src/monitor/connect.js';
import { beeline, cliPath } from '../support/cli.js';
import { eventually, TestDaemon } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** Of every thread: the values of a line of its status. */
function statusOf(pid: number, name: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '';
  });
  return [...new Set(values)];
}

const asNobody = (...command: string[]) =>
  spawnSync('setpriv', ['--reuid=nobody', '--regid=nogroup', '--clear-groups', ...command]).status === 0;

describe("a guest's process", function () {
  this.timeout(240_000);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());

  it('has given up privileges, and its guest uses disks, network, ports and shared folders', async () => {
    await beeline(['image', 'build', '--quiet', 'debian-generic'], { limit: 100 });
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const kept = folder.at('kept.img');
    const thrown = folder.at('thrown.img');
    for (const path of [kept, thrown]) {
      writeFileSync(path, 'from the host\n');
      truncateSync(path, 1 << 20);
    }
    for (const name of ['work', 'look', 'outside']) mkdirSync(folder.at(name));
    writeFileSync(folder.at('outside/secret'), 'host only\n');
    writeFileSync(folder.at('look/file'), 'to be read\n');
    symlinkSync('../outside/secret', folder.at('work/trap'));
    const server = createServer((socket) => socket.end('over the network\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const owner = await daemon.client();
    await owner.call('vm.create', {
      name: 'a',
      config: {
        image: 'debian-generic',
        drives: [
          { path: kept, format: 'raw' },
          { path: thrown, format: 'raw', snapshot: true },
        ],
        networks: [{ kind: 'user' }],
        ports: [
          { name: 'talk', kind: 'socket', path: folder.at('talk') },
          { name: 'log', kind: 'file', path: folder.at('log') },
        ],
        shares: [
          { path: folder.at('work'), tag: 'work' },
          { path: folder.at('look'), tag: 'look', readonly: true },
        ],
      },
      start: true,
    });
    const { pid } = await owner.call('vm.status', { vm: 'a' });
    assert.deepEqual(statusOf(pid ?? 0, 'Seccomp'), ['2']);
    assert.deepEqual(statusOf(pid ?? 0, 'NoNewPrivs'), ['1']);
    assert.ok(statusOf(pid ?? 0, 'Name').includes('beeline-cpu0'), 'its threads have their names');
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
      `udhcpc -i eth0 -n -q; nc 10.0.2.2 ${port}`,
      'until [ -e /dev/virtio-ports/log ]; do usleep 10000; done; echo to the log > /dev/virtio-ports/log',
      'head -n 1 /dev/virtio-ports/talk; modprobe 9p; for t in work look; do mount -t 9p -o trans=virtio $t /mnt/$t; done',
      'cat /mnt/look/file; echo x > /mnt/look/new; cat /mnt/work/trap; cd /mnt/work; mkdir a; echo made > a/b; mv a/b c; cat c',
      "rmdir a; cd /; umount /mnt/work /mnt/look; echo do''ne",
    ];
    const peer = createConnection(folder.at('talk'));
    peer.end('over the port\n');
    const line = `mkdir /mnt/work /mnt/look; ${commands.join('; ')}\n`;
    await owner.call('console.write', { vm: 'a', base64: Buffer.from(line).toString('base64') });
    await eventually('the commands have run', () => /^done/m.test(console), 60);
    server.close();
    assert.match(console, /^from the host/m);
    assert.match(console, /^over the network/m);
    assert.match(console, /^over the port/m);
    assert.match(console, /^to be read/m);
    assert.match(console, /can't create \/mnt\/look\/new: Read-only file system/);
    assert.match(console, /^made/m);
    assert.doesNotMatch(console, /host only/);
    assert.deepEqual(readdirSync(folder.at('work')), ['c', 'trap']);
    assert.equal(readFileSync(folder.at('log'), 'utf8'), 'to the log\n');
    assert.match(readFileSync(kept, 'latin1'), /^from the guest/);
    assert.match(readFileSync(thrown, 'latin1'), /^from the host/);
    await owner.call('vm.stop', { vm: 'a' });
    assert.ok(!existsSync(folder.at('talk')), 'the socket is gone');
    owner.close();
  });

  it('gets no file by what it writes into the headers of its disks', async () => {
    const image = (...args: string[]) => execFileSync('qemu-img', args, { stdio: 'ignore' });
    const [base, top, raw, secret] = ['base.qcow2', 'top.qcow2', 'raw.img', 'secret'].map((name) =>
      folder.at(name),
    ) as [string, string, string, string];
    writeFileSync(secret, 'x'.repeat(1 << 20));
    image('create', '-f', 'qcow2', base, '1M');
    image('create', '-f', 'qcow2', '-b', base, '-F', 'qcow2', top);
    image('create', '-f', 'raw', raw, '1M');
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const owner = await daemon.client();
    const drives = [{ path: top }, { path: raw }];
    const run = async (acceptFiles = false) => {
      await owner.call('vm.start', { vm: 'a', acceptFiles });
      await owner.call('vm.stop', { vm: 'a', timeout: 0 });
    };
    const refused = (detail: RegExp) => assert.rejects(run(), detail);
    await owner.call('vm.create', { name: 'a', config: { ...tinyGuest('idle', folder.at('idle')), drives } });
    await run();
    const header = readFileSync(top);
    // As its process could: the header now names another file.
    image('rebase', '-u', '-b', secret, '-F', 'raw', top);
    await refused(/top\.qcow2 is not what it was when a first started: it has .*secret below it.*--accept-files/s);
    image('rebase', '-u', '-b', '', top);
    await run();
    image('create', '-f', 'qcow2', '-b', secret, '-F', 'raw', raw);
    await refused(/raw\.img .* it was a raw image and has become a qcow2 image/);
    writeFileSync(raw, Buffer.alloc(1 << 20));
    writeFileSync(top, header);
    await run();
    image('rebase', '-u', '-b', secret, '-F', 'raw', top);
    const viewer = await connect({ kind: 'url', url: daemon.url, token: daemon.tokens.control });
    await assert.rejects(viewer.call('vm.start', { vm: 'a', acceptFiles: true }), /admin/);
    viewer.close();
    await run(true);
    await run();
    owner.close();
  });

  it('gets no file by links in a folder that it shares', async () => {
    const shared = folder.at('shared');
    mkdirSync(shared);
    writeFileSync(folder.at('secret'), 'host only');
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const owner = await daemon.client();
    const { loads } = tinyGuest('idle', `${shared}/code`);
    const config = { loads, memoryBytes: 32 << 20, shares: [{ path: shared, tag: 'x' }] };
    await owner.call('vm.create', { name: 'a', config, start: true });
    await owner.call('vm.stop', { vm: 'a', timeout: 0 });
    renameSync(`${shared}/code`, `${shared}/kept`);
    symlinkSync('../secret', `${shared}/code`);
    const changed = /code is not what it was when a first started: it leads to .*secret now/;
    await assert.rejects(owner.call('vm.start', { vm: 'a' }), changed);
    rmSync(`${shared}/code`);
    renameSync(`${shared}/kept`, `${shared}/code`);
    await owner.call('vm.start', { vm: 'a' });
    owner.close();
  });

  it('cannot name another process as its own', async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start();
    const owner = await daemon.client();
    const created = { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true };
    const { pid } = await owner.call('vm.create', created);
    owner.close();
    await daemon.end('SIGKILL');
    const other = spawn('sleep', ['600']);
    try {
      const claim = { process: identify(other.pid ?? 0) };
      writeFileSync(`${daemon.state}/guests/a/process.1.json`, JSON.stringify(claim));
      await daemon.start();
      const again = await daemon.client();
      assert.equal((await again.call('vm.status', { vm: 'a' })).pid, pid);
      process.kill(pid ?? 0, 'SIGKILL');
      await eventually('its end', async () => (await again.call('vm.status', { vm: 'a' })).state === 'crashed');
      await again.call('vm.start', { vm: 'a' });
      again.close();
      assert.equal(other.exitCode ?? other.signalCode, null, 'the other lives');
    } finally {
      other.kill('SIGKILL');
    }
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

  it('is of the user that the configuration names', async () => {
    daemon = new TestDaemon(folder.path);
    if (process.getuid?.() !== 0) {
      await assert.rejects(daemon.start({ BEELINE_USER: 'nobody' }), /only a daemon of root/);
      return;
    }
    await assert.rejects(daemon.start({ BEELINE_USER: 'no-such-user' }), /there is no such user/);
    await assert.rejects(daemon.start({ BEELINE_USER: 'nobody' }), /guests could not .* does not let others pass\)/);
    chmodSync(folder.path, 0o711);
    if (!asNobody('test', '-r', cliPath)) {
      await assert.rejects(daemon.start({ BEELINE_USER: 'nobody' }), /guests could not .* install it elsewhere/);
      return;
    }
    await daemon.start({ BEELINE_USER: 'nobody' });
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('echo', folder.at('echo')) });
    const { pid } = await owner.call('vm.start', { vm: 'a' });
    const uid = execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).trim();
    assert.deepEqual(statusOf(pid ?? 0, 'Uid'), [Array(4).fill(uid).join('\t')]);
    assert.deepEqual(statusOf(pid ?? 0, 'Groups'), ['']);
    assert.deepEqual(statusOf(pid ?? 0, 'Seccomp'), ['2']);
    let console = '';
    const { stream } = await owner.attach({ vm: 'a' }, (bytes) => {
      console += Buffer.from(bytes).toString();
    });
    owner.type(stream, Buffer.from('HAL'));
    await eventually('it answers', () => console === 'IBM');
    await owner.call('snapshot.save', { vm: 'a', name: 'one' });
    await owner.call('vm.stop', { vm: 'a', timeout: 0 });
    await owner.call('snapshot.load', { vm: 'a', name: 'one' });
    for (const name of ['tokens.json', 'socket', 'records/a.json', 'guests']) {
      assert.ok(existsSync(`${daemon.state}/${name}`), name);
      assert.ok(!asNobody('test', '-r', `${daemon.state}/${name}`), name);
    }
    await owner.call('vm.delete', { vm: 'a', force: true });
    owner.close();
  });

  it('of another user is handed images; what else that user may not use is refused before it starts', async () => {
    // Only root starts processes of others, and those have to get at the program.
    if (process.getuid?.() !== 0 || !asNobody('test', '-r', cliPath)) return;
    await beeline(['image', 'build', '--quiet', 'debian-busybox'], { limit: 100 });
    chmodSync(folder.path, 0o711);
    const home = folder.at('home');
    const cached = join(home, '.cache/beeline/images/debian-busybox');
    cpSync(cachedFolder('debian-busybox'), cached, { recursive: true, preserveTimestamps: true });
    chmodSync(join(cached, 'vmlinuz'), 0o644);
    chmodSync(join(cached, 'initrd.img'), 0o600);
    chmodSync(home, 0o700);
    daemon = new TestDaemon(folder.path);
    const env = { BEELINE_USER: 'nobody', XDG_CACHE_HOME: join(home, '.cache') };
    await daemon.start(env);
    const owner = await daemon.client();
    const config = { image: 'debian-busybox', memoryBytes: 256 << 20 };
    await owner.call('vm.create', { name: 'a', config, start: true });
    let console = '';
    await owner.attach({ vm: 'a', from: 0 }, (bytes) => {
      console += Buffer.from(bytes).toString();
    });
    await eventually('a prompt', () => /beeline:~# /.test(console), 90);
    console = '';
    await owner.call('vm.reset', { vm: 'a' });
    await eventually('a prompt after a reset', () => /beeline:~# /.test(console), 90);
    const handed = `${daemon.state}/images/debian-busybox`;
    const inode = (path: string) => statSync(path).ino;
    assert.equal(inode(`${handed}/vmlinuz`), inode(join(cached, 'vmlinuz')), 'a link suffices');
    assert.notEqual(inode(`${handed}/initrd.img`), inode(join(cached, 'initrd.img')), 'a link could not be read');
    for (const name of ['vmlinuz', 'initrd.img']) assert.ok(!asNobody('test', '-w', `${handed}/${name}`), name);
    const copy = inode(`${handed}/initrd.img`);
    await owner.call('vm.stop', { vm: 'a', timeout: 0 });
    await owner.call('vm.start', { vm: 'a' });
    assert.equal(inode(`${handed}/initrd.img`), copy, 'it is copied once');

    // A cache that the user may read needs no other files.
    const kernel = () =>
      (JSON.parse(readFileSync(`${daemon.state}/guests/a/start.json`, 'utf8')) as { config: { kernel: string } }).config
        .kernel;
    assert.equal(kernel(), `${handed}/vmlinuz`);
    await owner.call('vm.stop', { vm: 'a', timeout: 0 });
    for (const path of [home, join(home, '.cache'), join(home, '.cache/beeline')]) chmodSync(path, 0o711);
    await owner.call('vm.start', { vm: 'a' });
    assert.equal(kernel(), join(cached, 'vmlinuz'));
    chmodSync(home, 0o700);

    const disk = folder.at('disk.img');
    writeFileSync(disk, Buffer.alloc(1 << 20), { mode: 0o644 });
    const { loads } = tinyGuest('idle', join(home, 'idle'));
    const create = (more: object) => owner.call('vm.create', { name: 'b', config: { ...config, ...more } });
    const refused = (detail: RegExp) => refusedWith('BEELINE_E_FILE_USER', detail);
    const closed = /loads: nobody, whom guests run as, may not read .*idle \(.*home does not let others pass\); let/;
    await assert.rejects(create({ loads }), refused(closed));
    const outside = `${cached}/../../../../idle`;
    await assert.rejects(
      create({ kernel: outside }),
      refused(/kernel: .* may not read .*idle/),
      'no image, but by its name',
    );
    const own = /drives: .* may not write to .*disk\.img \(its own permissions do not allow it\)/;
    await assert.rejects(create({ drives: [{ path: disk }] }), refused(own));
    const port = { name: 'log', kind: 'file', path: join(home, 'log') };
    await assert.rejects(create({ ports: [port] }), refused(/ports: .* may not write to .*home/));
    await create({ drives: [{ path: disk, readonly: true }] });
    chmodSync(disk, 0o600);
    await assert.rejects(owner.call('vm.start', { vm: 'b' }), refused(/drives: .* may not read .*disk\.img/));
    assert.equal((await owner.call('vm.status', { vm: 'b' })).state, 'created');
    for (const vm of ['a', 'b']) await owner.call('vm.delete', { vm, force: true });
    await daemon.end('SIGTERM');
    await daemon.start(env);
    await eventually('images that no guest uses are removed', () => !existsSync(handed));
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
