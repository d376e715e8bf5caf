import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MonitorClient } from '../../src/monitor/client.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { waitForPrompt } from '../support/linux-guests.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** A place in memory that the guest does not use. */
const place = { address: '0x40300000', space: 'physical' as const };

describe('snapshots of the daemon', function () {
  this.timeout(90_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
    await client.call('vm.create', { name: 'echo', config: tinyGuest('echo', folder.at('echo')), start: true });
  });

  const write = async (text: string) =>
    await client.call('memory.write', { vm: 'echo', ...place, base64: Buffer.from(text).toString('base64') });
  const read = async () => {
    const { base64 } = await client.call('memory.read', { vm: 'echo', ...place, length: 3 });
    return Buffer.from(base64, 'base64').toString();
  };
  const answers = async (text: string, answer: string) => {
    const { end } = await client.call('console.read', { vm: 'echo' });
    await client.call('console.write', { vm: 'echo', base64: Buffer.from(text).toString('base64') });
    let output = '';
    const { stream } = await client.attach({ vm: 'echo', from: end }, (bytes) => {
      output += Buffer.from(bytes).toString();
    });
    await eventually(`${text} is answered by ${answer}`, () => output === answer);
    await client.call('console.detach', { stream });
  };

  it('are saved, listed, loaded into a guest that runs or not, and deleted', async () => {
    const names = async () =>
      (await client.call('snapshot.list', { vm: 'echo' })).snapshots.map(({ name }) => name).sort();
    assert.deepEqual(await names(), []);
    await write('one');
    const saved = await client.call('snapshot.save', { vm: 'echo', name: 'first' });
    assert.ok(saved.bytes > 500 && saved.bytes < 1 << 20, `${saved.bytes} bytes`);
    await write('two');
    await client.call('snapshot.save', { vm: 'echo', name: 'second' });
    assert.deepEqual(await names(), ['first', 'second']);

    assert.equal((await client.call('snapshot.load', { vm: 'echo', name: 'first' })).state, 'running');
    assert.equal(await read(), 'one');
    await answers('HAL', 'IBM');
    await client.call('vm.pause', { vm: 'echo' });
    assert.equal((await client.call('snapshot.load', { vm: 'echo', name: 'second' })).state, 'paused');
    assert.equal(await read(), 'two');
    await client.call('vm.resume', { vm: 'echo' });
    await answers('a', 'b');

    await client.call('vm.stop', { vm: 'echo', timeout: 0 });
    assert.equal((await client.call('snapshot.load', { vm: 'echo', name: 'first' })).state, 'running');
    assert.equal(await read(), 'one');
    await answers('c', 'd');

    await client.call('snapshot.delete', { vm: 'echo', name: 'first' });
    assert.deepEqual(await names(), ['second']);
    const unknown = refusedWith('BEELINE_E_SNAPSHOT_UNKNOWN');
    await assert.rejects(client.call('snapshot.load', { vm: 'echo', name: 'first' }), unknown);
    await assert.rejects(client.call('snapshot.delete', { vm: 'echo', name: 'first' }), unknown);
    await assert.rejects(client.call('snapshot.save', { vm: 'echo', name: '../x' }), refusedWith('BEELINE_E_PARAMS'));
  });

  it('are refused when damaged, and the guest goes on', async () => {
    await client.call('snapshot.save', { vm: 'echo', name: 'first' });
    const file = join(daemon.state, 'guests/echo/snapshots/first.snapshot');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await write('now');
    await assert.rejects(
      client.call('snapshot.load', { vm: 'echo', name: 'first' }),
      refusedWith('BEELINE_E_SNAPSHOT'),
    );
    assert.equal(await read(), 'now');
    await answers('HAL', 'IBM');
  });

  it('are not loaded into a guest that has a shared folder mounted, which goes on', async () => {
    const at = async (command: string) => (await daemon.cli(['exec', 'linux', command])).stdout;
    const create = ['create', '--share', `${folder.path},tag=work`, 'linux', 'debian-generic', '--start'];
    assert.equal((await daemon.cli(create)).status, 0);
    await waitForPrompt(client, 'linux');
    assert.equal((await daemon.cli(['snapshot', 'save', 'linux', 'first'])).status, 0);
    await at('modprobe 9p; mount -t 9p -o trans=virtio,version=9p2000.L work /mnt; echo kept > /mnt/file');
    const refused = await daemon.cli(['snapshot', 'load', 'linux', 'first']);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /a shared folder is mounted; see to that first, then load the snapshot/);
    assert.equal(await at('cat /mnt/file; umount /mnt'), 'kept\n');
    assert.equal((await daemon.cli(['snapshot', 'load', 'linux', 'first'])).status, 0);
    assert.equal(await at('grep -c 9p /proc/mounts'), '0\n');
  });

  it('are at the command line', async () => {
    const saved = await daemon.cli(['snapshot', 'save', 'echo', 'first']);
    assert.match(saved.stdout, /^echo is saved as first, [\d.]+ [KM]iB$/m);
    assert.match((await daemon.cli(['snapshot', 'list', 'echo'])).stdout, /^first +\d+ s +[\d.]+ [KM]iB$/m);
    assert.match((await daemon.cli(['snapshot', 'load', 'echo', 'first'])).stdout, /^echo is running$/m);
    assert.match((await daemon.cli(['snapshot', 'delete', 'echo', 'first'])).stdout, /^first is deleted$/m);
    assert.equal((await daemon.cli(['snapshot', 'load', 'echo', 'first'])).status, 2);
  });
});
