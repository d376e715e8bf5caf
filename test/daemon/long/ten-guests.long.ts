// Ten Debian guests booted through the monitor at once; one of them and the daemon are killed in the middle.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { eventually, TestDaemon } from '../../support/daemon.js';
import { EventHistory } from '../../support/event-history.js';
import { TemporaryFolder } from '../../support/temporary.js';

const guests = Array.from({ length: 10 }, (_unused, index) => `guest-${index}`);
const memoryBytes = 256 * 1024 * 1024;
const victim = 'guest-3';

/** Seconds of CPU that a process has used. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB of a process that are not shared guest memory: its resident size without the largest mapping's. */
function ownMebibytes(pid: number): number {
  let own = 0;
  let isGuestMemory = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) isGuestMemory = Number(`0x${range[2]}`) - Number(`0x${range[1]}`) >= memoryBytes;
    const resident = /^Pss: +(\d+) kB/.exec(line);
    if (resident !== null && !isGuestMemory) own += Number(resident[1]) / 1024;
  }
  return own;
}

describe('ten guests at once', function () {
  this.timeout(1_200_000);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());

  it('outlive one of them and the daemon, and every event is told once', async () => {
    daemon = new TestDaemon(folder.path, '--max-cpus', '10', '--max-memory', '2560M');
    await daemon.start();
    const history = new EventHistory(daemon.socket);
    await eventually('it follows', () => history.isFollowing);
    const client = await daemon.client();
    const begun = performance.now();
    const boots = guests.map(async (name) => {
      await client.call('vm.create', { name, config: { image: 'debian-busybox', memoryBytes }, start: true });
    });
    await Promise.all(boots);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const { pid } = await client.call('vm.status', { vm: victim });
    process.kill(pid ?? 0, 'SIGKILL');
    await daemon.end('SIGKILL');
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await daemon.start();

    const again = await daemon.client();
    const others = guests.filter((name) => name !== victim);
    const prompts = new Set<string>();
    const consoles = new Map<string, string>();
    for (const name of others) {
      consoles.set(name, '');
      await again.attach({ vm: name, from: 0 }, (bytes) => {
        const text = consoles.get(name) + Buffer.from(bytes).toString();
        consoles.set(name, text);
        if (/beeline:~# /.test(text)) prompts.add(name);
      });
    }
    await eventually('all have booted', () => prompts.size === others.length, 600);
    const bootSeconds = (performance.now() - begun) / 1000;
    await eventually('the crash is told', () => history.states(victim).at(-1) === 'crashed');

    const { vms } = await again.call('vm.list', {});
    const pids = vms.flatMap(({ pid }) => (pid === null ? [] : [pid]));
    assert.equal(pids.length, others.length);
    // Within its first minute each Node.js gives memory back, once, which takes it some 50 ms.
    await new Promise((resolve) => setTimeout(resolve, 90_000));
    const before = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    const idle = (pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before) / 60;
    const largest = Math.max(...pids.map(ownMebibytes));

    const poweroff = Buffer.from('poweroff -f\n').toString('base64');
    for (const vm of others) await again.call('console.write', { vm, base64: poweroff });
    await eventually('all have ended', () => others.every((name) => history.states(name).at(-1) === 'stopped'), 120);
    for (const name of others) {
      assert.deepEqual(history.states(name), ['starting', 'running', 'stopped']);
      assert.match(consoles.get(name) ?? '', /reboot: Power down/);
    }
    assert.deepEqual(history.states(victim), ['starting', 'running', 'crashed']);
    history.check();
    await history.end();
    again.close();
    process.stdout.write(
      `      ${history.events.length} events, each once; nine prompts after ${bootSeconds.toFixed(0)} s; idle together ` +
        `${(100 * idle).toFixed(2)} % of a core, ten would take ${((1000 / others.length) * idle).toFixed(2)} %; at most ${largest.toFixed(0)} MiB a guest beyond its memory\n`,
    );
  });
});
