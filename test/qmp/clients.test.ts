// Programs that drive QEMU drive our guests, as they are.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QemuProcess, QMPClient, QmpCommandError } from 'node-qemu';
import { projectRoot } from '../../src/paths.js';
import { beeline, cliPath } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe("QEMU's clients", function () {
  this.timeout(180_000);
  const folder = new TemporaryFolder();
  let running: QemuProcess | undefined;

  afterEach(async () => {
    await running?.kill();
    running = undefined;
  });

  /** Throws away what the guest prints. */
  async function start(guest: 'echo' | 'idle' | 'reset', ...extraArgs: string[]): Promise<QMPClient> {
    const { loads } = tinyGuest(guest, folder.at('guest.bin'));
    const disk = folder.at('disk.img');
    writeFileSync(disk, '');
    truncateSync(disk, 1 << 20);
    running = new QemuProcess({
      binary: cliPath,
      config: {
        machine: { type: 'virt', accel: 'tcg' },
        cpu: 'cortex-a57',
        smp: 2,
        memory: { size: 64 },
        drives: [{ file: disk, format: 'raw', virtio: true }],
        net: [{ type: 'user' }],
        qmp: { socketPath: folder.at('qmp') },
        serial: 'null',
        extraArgs: ['-device', `loader,file=${loads[0]?.path},addr=0x40080000`, '-nographic', ...extraArgs],
      },
    });
    let errors = '';
    running.on('stderr', (text: string) => {
      errors += text;
    });
    await running.start();
    let client = new QMPClient({ socketPath: folder.at('qmp') });
    for (let attempt = 0; ; attempt++) {
      try {
        await client.connect();
        return client;
      } catch (error) {
        if (attempt === 100 || running?.pid === undefined) throw new Error(errors, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 50));
        client = new QMPClient({ socketPath: folder.at('qmp') });
      }
    }
  }

  it('labgrid: its QEMUDriver starts a guest, talks to it, cycles and ends it', async () => {
    await beeline(['image', 'build', '--quiet', 'debian-busybox'], { limit: 120 });
    const path = async (file: string) => (await beeline(['image', 'path', 'debian-busybox', file])).stdout.trim();
    const script = join(projectRoot, 'test/clients/labgrid_guest.py');
    const args = [script, cliPath, await path('--kernel'), await path('--initrd')];
    // Debian's own interpreter, whatever else is called so.
    const result = spawnSync('/usr/bin/python3', args, { encoding: 'utf8', timeout: 60_000 });
    assert.equal(result.status, 0, result.stderr.slice(-2000));
    assert.match(result.stdout, /labgrid is content/);
  });

  it('node-qemu: pauses, asks, resets and ends a guest, and hears of it', async () => {
    const client = await start('idle', '-S');
    const heard: string[] = [];
    client.on('rawEvent', ({ event }: { event: string }) => heard.push(event));
    assert.equal((await client.queryStatus()).status, 'prelaunch');
    await client.cont();
    assert.equal((await client.queryStatus()).status, 'running');
    assert.equal((await client.queryCpusFast()).length, 2);
    assert.equal((await client.queryMemorySizeSummary())['base-memory'], 64 << 20);
    const [block] = await client.queryBlock();
    assert.equal(block?.inserted?.image['virtual-size'], 1 << 20);
    assert.deepEqual(await client.queryBlockJobs(), []);
    assert.match(await client.humanMonitorCommand('info status'), /VM status: running/);
    await client.stop();
    await client.systemReset();
    await client.cont();
    await assert.rejects(client.qomList('/nowhere'), (error: QmpCommandError) => error.qmpClass === 'DeviceNotFound');
    await assert.rejects(client.blockdevBackup({ device: 'a', target: 'b', sync: 'full' }), QmpCommandError);
    const ended = new Promise<number | null>((resolve) => running?.on('exit', resolve));
    await client.quit();
    assert.equal(await ended, 0);
    assert.deepEqual(heard, ['RESUME', 'STOP', 'RESET', 'RESUME', 'SHUTDOWN']);
    await client.close();
  });

  it('gdb reads a dump of guest memory', async () => {
    const client = await start('idle');
    const core = folder.at('core');
    await client.dumpGuestMemory({ paging: false, protocol: `file:${core}` });
    const gdb = spawnSync(
      'gdb-multiarch',
      ['-batch', '-nx', '-ex', 'set architecture aarch64', '-ex', `core-file ${core}`].concat([
        '-ex',
        'info threads',
        '-ex',
        'x/2wx 0x40080000',
        '-ex',
        'print $pc >= 0x40080000 && $pc < 0x40080008',
      ]),
      { encoding: 'utf8' },
    );
    assert.match(gdb.stdout, /0x40080000:\s+0xd503207f\s+0x17ffffff/, gdb.stderr);
    assert.match(gdb.stdout, /\$1 = 1/, gdb.stdout);
    assert.equal((await client.queryStatus()).status, 'running');
    await client.execute('pmemsave', { val: 0x4008_0000, size: 8, filename: folder.at('piece') });
    assert.equal(readFileSync(folder.at('piece')).toString('hex'), '7f2003d5ffffff17');
    await client.execute('dumpdtb', { filename: folder.at('tree') });
    assert.equal(readFileSync(folder.at('tree')).readUInt32BE(0), 0xd00dfeed);
    await client.close();
  });

  it('hear of a guest that resets itself', async () => {
    const client = await start('reset', '-S');
    const reset = new Promise<{ guest: boolean }>((resolve) => client.once('RESET', resolve));
    const shutdown = new Promise<{ reason: string }>((resolve) => client.once('SHUTDOWN', resolve));
    await client.cont();
    assert.equal((await reset).guest, true);
    assert.equal((await shutdown).reason, 'guest-shutdown');
    await client.close();
  });

  it('cannot have standard output twice', async () => {
    const { status, stderr } = await beeline(['run', '--qmp', 'stdio', '--serial', 'stdio']);
    assert.equal(status, 2);
    assert.match(stderr, /--serial/);
  });
});
