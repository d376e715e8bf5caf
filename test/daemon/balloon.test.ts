// The memory balloon of a Linux guest, by the monitor.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { MonitorClient } from '../../src/monitor/client.js';
import { connect } from '../../src/monitor/connect.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { inGuest, waitForPrompt } from '../support/linux-guests.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

const mebibyte = 1024 * 1024;
const whole = 512 * mebibyte;
const small = 192 * mebibyte;
const vm = 'linux';

describe('memory.balloon', function () {
  this.timeout(300_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
  });

  const balloon = () => client.call('memory.balloon', { vm });
  const keep = (bytes: number) => client.call('memory.setBalloon', { vm, bytes });
  const leaves = (bytes: number) =>
    eventually(`the guest has ${bytes} bytes`, async () => (await balloon()).bytes === bytes, 60);
  /** Bytes that the guest's kernel calls free. */
  const free = async () => Number(await inGuest(daemon, vm, "awk '/^MemFree/{print $2}' /proc/meminfo")) * 1024;

  for (const bus of ['mmio', 'pci'] as const) {
    it(`takes memory of Linux back, tells what Linux says, and gives it again, on ${bus}`, async () => {
      const config = { image: 'debian-busybox', memoryBytes: whole, balloon: bus };
      const { pid } = await client.call('vm.create', { name: vm, config, start: true });
      const resident = () => {
        const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        return Number(kilobytes) * 1024;
      };
      await waitForPrompt(client, vm);
      assert.equal((await balloon()).bytes, whole);
      const data = 'dd if=/dev/urandom of=/run/data bs=1M count=16 2> /dev/null; md5sum /run/data';
      const sum = await inGuest(daemon, vm, `mount -t tmpfs -o size=400m run /run; ${data}`);
      await inGuest(daemon, vm, 'dd if=/dev/zero of=/run/waste bs=1M count=300 2> /dev/null');
      const residentBefore = resident();
      await inGuest(daemon, vm, 'rm /run/waste');
      const freeBefore = await free();

      await keep(small);
      await leaves(small);
      const taken = whole - small;
      assert.ok(freeBefore - (await free()) > 0.9 * taken, 'the guest has it no more');
      await eventually('the host has it back', () => residentBefore - resident() > 0.5 * taken);
      const { statistics } = await eventually('Linux tells', async () => {
        const state = await balloon();
        const { freeMemory: told = Number.POSITIVE_INFINITY } = state.statistics;
        return told < small && state;
      });
      assert.ok((statistics.totalMemory ?? 0) > small, JSON.stringify(statistics));

      // Held by the process: another daemon finds it as it is.
      await daemon.end('SIGKILL');
      await daemon.start();
      client = await daemon.client();
      assert.equal((await balloon()).bytes, small);

      await keep(whole);
      await leaves(whole);
      assert.ok(freeBefore - (await free()) < 0.1 * taken, 'the guest has it again');
      assert.equal(await inGuest(daemon, vm, 'md5sum /run/data'), sum);
    });
  }

  it('is refused for guests that have none or no process, and to who may only look', async () => {
    await client.call('vm.create', { name: vm, config: tinyGuest('idle', folder.at('idle')) });
    await assert.rejects(balloon(), refusedWith('BEELINE_E_VM_STATE'));
    await client.call('vm.start', { vm });
    for (const call of [balloon, () => keep(small)]) {
      await assert.rejects(call(), refusedWith('BEELINE_E_BALLOON', /has no memory balloon/));
    }
    await assert.rejects(keep(-1), refusedWith('BEELINE_E_PARAMS'));
    const viewer = await connect({ kind: 'url', url: daemon.url, token: daemon.tokens.view });
    await assert.rejects(viewer.call('memory.setBalloon', { vm, bytes: small }), refusedWith('BEELINE_E_FORBIDDEN'));
    viewer.close();
  });
});
