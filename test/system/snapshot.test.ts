import { strict as assert } from 'node:assert';
import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { beeline, type CliResult } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

/** Seconds; a machine that is busy may need several times what an idle one does. */
const limit = 120;
const prompt = 'beeline:.*# $';

async function run(...args: string[]): Promise<CliResult> {
  return await beeline(['run', ...args, '--timeout', String(limit)], { limit: limit + 20 });
}

/** What the guest does when it is saved: a clock ticks, and something is written to the disk over and over. */
const busy = [
  '(n=0; while sleep 0.5; do n=$((n+1)); echo tick-$n-; done) &',
  '(while :; do cut -d" " -f1 /proc/uptime | dd of=/dev/vda bs=512 seek=9 conv=fsync,sync 2>/dev/null; done) &',
  'echo kept > /run/file; echo on-disk | dd of=/dev/vda bs=512 conv=fsync,sync 2>/dev/null;',
  'echo up-$(cut -d. -f1 /proc/uptime)-',
].join(' ');

/** And after it has been loaded. */
const look = [
  'echo again-$(cat /run/file)-$(dd if=/dev/vda bs=512 count=1 2>/dev/null | head -n 1)-;',
  'echo cpus-$(nproc)-; echo up-$(cut -d. -f1 /proc/uptime)-; sleep 1; poweroff -f',
].join(' ');

function numbers(text: string, name: string): number[] {
  return [...text.matchAll(new RegExp(`^${name}-(\\d+)-\\r?$`, 'gm'))].map((match) => Number(match[1]));
}

describe('snapshots of beeline run', function () {
  this.timeout(3 * (limit + 30) * 1000);
  const folder = new TemporaryFolder();

  async function saveAndLoad(name: string, drive: string, options: readonly string[]): Promise<string> {
    const file = folder.at(`${name}.snapshot`);
    writeFileSync(folder.at(name), Buffer.alloc(4 << 20));
    const first = await run(
      ...['debian-busybox', ...options, '--drive', `${folder.at(name)}${drive}`],
      ...['--send', `${prompt}=${busy}\\n`, '--until', '^tick-3-', '--snapshot-save', file],
    );
    assert.equal(first.status, 0, first.stdout.slice(-2000) + first.stderr);
    assert.match(first.stderr, /saved to /);

    const second = await run('--snapshot-load', file, '--send', `^tick-=${look}\\n`);
    assert.equal(second.status, 0, second.stdout.slice(-2000) + second.stderr);
    assert.match(second.stdout, /^again-kept-on-disk-\r?$/m);
    assert.deepEqual(numbers(second.stdout, 'cpus'), [2]);
    assert.match(second.stdout, /reboot: Power down/);
    // It has neither stood still nor begun anew, nor noticed how long it was away.
    const ticks = numbers(second.stdout, 'tick');
    assert.ok(ticks.length >= 2 && ticks.every((tick, index) => tick === 4 + index), `ticks ${ticks.join(' ')}`);
    const [before = 0] = numbers(first.stdout, 'up');
    const [after = 0] = numbers(second.stdout, 'up');
    assert.ok(after >= before && after < before + 60, `up ${before} s, then ${after} s`);
    return file;
  }

  it('go on in another process, with a disk that is being written', async () => {
    const file = await saveAndLoad('disk', ',format=raw', ['--cpus', '2']);
    // What the guest has written since is on the disk, which the snapshot does not know.
    const again = await run('--snapshot-load', file, '--until', 'tick');
    assert.equal(again.status, 1);
    assert.match(again.stderr, /disk has changed since the snapshot was taken/);
  });

  it('carry throw-away layers of disks along, and may be loaded again and again', async () => {
    const file = await saveAndLoad('base', ',snapshot,format=raw,bus=pci', ['--cpus', '2', '--gic', '2']);
    assert.ok(readFileSync(folder.at('base')).every((byte) => byte === 0));
    for (let round = 0; round < 2; round++) {
      const again = await run('--snapshot-load', file, '--tier', 'interpreter', '--until', '^tick-5-');
      assert.equal(again.status, 0, again.stdout + again.stderr);
      assert.equal(numbers(again.stdout, 'tick')[0], 4);
    }

    const other = await run('--snapshot-load', file, '--memory', '512M');
    assert.equal(other.status, 2);
    assert.match(other.stderr, /--memory: the snapshot is of a machine with 1 GiB; leave it out/);

    truncateSync(file, 100_000);
    const short = await run('--snapshot-load', file);
    assert.equal(short.status, 1);
    assert.match(short.stderr, /damaged \(it has 100000 bytes of \d+\)/);
  });

  it('keep ports and cards on PCI, whose messages go through the ITS, with two CPUs', async () => {
    const [file, log] = [folder.at('snapshot'), folder.at('log')];
    const port = '/dev/virtio-ports/org.example.log';
    const count = `n=0; while sleep 0.5; do n=$((n+1)); echo line-$n > ${port}; echo tick-$n-; done`;
    const first = await run(
      ...['debian-busybox', '--cpus', '2', '--acpi', 'on', '--net', 'user,bus=pci', '--balloon', 'pci'],
      ...['--port', `org.example.log,file=${log},bus=pci`],
      ...['--send', `${prompt}=until [ -e ${port} ]; do usleep 10000; done; (${count}) &\\n`],
      ...['--until', '^tick-3-', '--snapshot-save', file],
    );
    assert.equal(first.status, 0, first.stdout.slice(-2000) + first.stderr);
    const lookAround =
      'ifconfig eth0 10.0.2.15; echo ping-$(ping -c 1 10.0.2.2 | grep -c ttl)-; echo its-$(grep -c ITS-MSI /proc/interrupts)-';
    const second = await run('--snapshot-load', file, '--send', `^tick-5-=${lookAround}; poweroff -f\\n`);
    assert.equal(second.status, 0, second.stdout.slice(-2000) + second.stderr);
    assert.deepEqual(numbers(second.stdout, 'ping'), [1]);
    assert.ok((numbers(second.stdout, 'its')[0] ?? 0) > 4);
    const lines = readFileSync(log, 'utf8').split('\n').slice(0, 5);
    assert.deepEqual(
      lines,
      [1, 2, 3, 4, 5].map((line) => `line-${line}`),
    );
  });

  it('are not made of a guest that has a shared folder mounted', async () => {
    const mount = 'modprobe 9p; mount -t 9p -o trans=virtio,version=9p2000.L work /mnt; echo mounted';
    const mounted = await run(
      ...['debian-generic', '--share', `${folder.path},tag=work`, '--send', `${prompt}=${mount}\\n`],
      ...['--until', '^mounted', '--snapshot-save', folder.at('mounted.snapshot')],
    );
    assert.equal(mounted.status, 1);
    assert.match(mounted.stderr, /the guest has a shared folder mounted; see to that first, then take the snapshot/);
    assert.ok(!existsSync(folder.at('mounted.snapshot')));
  });

  it('are not made of a guest that has ended, nor of what is no snapshot', async () => {
    const file = folder.at('none.snapshot');
    const ended = await run('debian-busybox', '--send', `${prompt}=poweroff -f\\n`, '--snapshot-save', file);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /the guest had ended before it could be taken/);
    assert.ok(!existsSync(file));

    const text = openSync(file, 'w');
    writeSync(text, 'no snapshot');
    closeSync(text);
    const wrong = await run('--snapshot-load', file);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /it is no snapshot; give a file that --snapshot-save has written/);
    const missing = await run('--snapshot-load', folder.at('missing'));
    assert.equal(missing.status, 2);
    const both = await run('debian-busybox', '--snapshot-load', file);
    assert.equal(both.status, 2);
  });
});
