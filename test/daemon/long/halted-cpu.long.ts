// One CPU of a Debian guest halted alone: the other goes on, and the kernel finds nothing amiss afterwards.
import { strict as assert } from 'node:assert';
import { daemonForEachTest, eventually, type TestDaemon } from '../../support/daemon.js';

/** Something to do for each CPU that needs nothing of the other. */
const busy = 'for cpu in 1 2; do (taskset $cpu sh -c "while :; do :; done" > /dev/null 2>&1 &); done';
const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

describe('a CPU that is halted alone', function () {
  this.timeout(300_000);
  let daemon: TestDaemon;
  daemonForEachTest((started) => {
    daemon = started;
  });

  it('leaves the other alone, and comes back', async () => {
    const owner = await daemon.client();
    const vm = 'smp';
    const config = { image: 'debian-busybox', cpus: 2, memoryBytes: 256 * 1024 * 1024 };
    await owner.call('vm.create', { name: vm, config, start: true });
    let console = '';
    await owner.attach({ vm, from: 0 }, (bytes) => {
      console += Buffer.from(bytes).toString();
    });
    await eventually('a prompt', () => console.includes('beeline:~# '), 120);
    const inGuest = async (command: string) => {
      const { status, stdout, stderr } = await daemon.cli(['exec', vm, command], { limit: 90 });
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    /** What each CPU executes in a while. */
    const progress = async () => {
      const counts = async () =>
        (await owner.call('perf.counters', { vm })).cpus.map((counters) => counters.instructions ?? 0);
      const before = await counts();
      await sleep(3);
      return (await counts()).map((count, cpu) => count - (before[cpu] ?? 0));
    };
    await inGuest(busy);
    for (const cpu of [0, 1]) {
      const [place] = (await owner.call('cpu.halt', { vm, cpu })).cpus;
      const done = await progress();
      assert.equal(done[cpu], 0);
      assert.ok((done[1 - cpu] ?? 0) > 1_000_000, `the other has done ${done[1 - cpu]} instructions`);
      assert.equal((await owner.call('cpu.registers', { vm, cpu })).pc, place?.pc);
      await owner.call('cpu.resume', { vm, cpu });
      for (const count of await progress()) assert.ok(count > 1_000_000, `${count} instructions`);
    }
    assert.equal(await inGuest('taskset 1 echo on one; taskset 2 echo on the other'), 'on one\non the other');
    assert.doesNotMatch(console, /Oops|BUG:|rcu.*stall/);
    owner.close();
  });
});
