// A guest that boots in a loop, unobserved and observed by a hundred clients that follow all there is to follow. They are
// processes of their own, as clients are: what they cost is theirs, what the daemon does for them is not.
import { strict as assert } from 'node:assert';
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import type { MonitorClient } from '../../../src/monitor/client.js';
import { writeRequest } from '../../../src/monitor/json-rpc.js';
import { eventually, TestDaemon } from '../../support/daemon.js';
import type { ObserverReport } from '../../support/observers.js';
import { TemporaryFolder } from '../../support/temporary.js';

const observersPath = fileURLToPath(new URL('../../support/observers.js', import.meta.url));
const clientCount = 100;
const observedSeconds = 60;
/** Half of it before, half after, so that what drifts meets both. */
const unobservedSeconds = 60;
/** The daemon's patience with a client that reads nothing. */
const patience = 20;

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

function residentMebibytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) / 1024;
}

/** Seconds of CPU that a process has used. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Of the thread of a guest's CPU, which is the busiest: seconds that it has run, and that it has waited for a core of the host. */
function cpuThread(pid: number): { readonly ran: number; readonly waited: number } {
  const folder = `/proc/${pid}/task`;
  const times = readdirSync(folder).map((thread) => {
    const [ran = 0, waited = 0] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ').map(Number);
    return { ran: ran / 1e9, waited: waited / 1e9 };
  });
  return times.reduce((busiest, one) => (one.ran > busiest.ran ? one : busiest), { ran: 0, waited: 0 });
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Reboots the guest whenever it has come to its prompt; how long each boot took, by the guest's own clock of events. */
class BootLoop {
  readonly boots: number[] = [];
  #last: number | undefined;

  static async begin(owner: MonitorClient): Promise<BootLoop> {
    const loop = new BootLoop();
    owner.on('monitor.event', ({ event, time }) => {
      if (event !== 'vm.reset') return;
      const now = Date.parse(time);
      if (loop.#last !== undefined) loop.boots.push((now - loop.#last) / 1000);
      loop.#last = now;
    });
    await owner.call('monitor.subscribe', { vms: ['loop'] });
    let line = '';
    const { stream } = await owner.attach({ vm: 'loop', from: 0 }, (bytes) => {
      line = (line + Buffer.from(bytes).toString()).slice(-100);
      if (!/beeline:~# /.test(line)) return;
      line = '';
      owner.type(stream, Buffer.from('reboot -f\n'));
    });
    return loop;
  }

  /** The boots of the next seconds that are neither cut off at their begin nor at their end. */
  async during(seconds: number): Promise<number[]> {
    const first = this.boots.length + 1;
    await sleep(seconds);
    return this.boots.slice(first);
  }
}

/** A client that follows the console sixty times over, and reads nothing of it. */
async function stall(daemon: TestDaemon): Promise<{ readonly told: Promise<number> }> {
  const socket = new WebSocket(new URL('/monitor', daemon.url), {
    headers: { authorization: `Bearer ${daemon.tokens.view}` },
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let notices = 0;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary && data.toString().includes('"monitor.slow"')) notices++;
  });
  const told = new Promise<number>((resolve) => {
    socket.on('close', (status) => resolve(notices > 0 ? status : 0));
  });
  socket.pause();
  for (let id = 0; id < 60; id++) socket.send(writeRequest(id, 'console.attach', { vm: 'loop', from: 0 }));
  eventually('the stalled client is dropped', () => /it has read nothing for/.test(daemon.log), 4 * patience)
    .catch(() => undefined)
    .finally(() => socket.resume());
  return { told };
}

function observe(daemon: TestDaemon): { readonly child: ChildProcess; readonly report: Promise<ObserverReport> } {
  const child = fork(observersPath, [daemon.socket, 'loop', String(clientCount), String(observedSeconds)]);
  const report = new Promise<ObserverReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as ObserverReport));
    child.once('exit', (status) => reject(new Error(`the observers ended with status ${status}`)));
  });
  return { child, report };
}

describe(`${clientCount} clients that follow everything`, function () {
  this.timeout(600_000);
  let daemon: TestDaemon;
  let observers: ChildProcess | undefined;
  const folder = new TemporaryFolder(async () => {
    observers?.kill();
    await daemon?.destroy();
  });

  it('leave the guest its speed and the daemon its size; one that stalls is told and dropped', async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start({ BEELINE_LIMITS_PATIENCE: String(patience) });
    const owner = await daemon.client();
    const config = { image: 'debian-busybox', memoryBytes: 256 * 1024 * 1024 };
    await owner.call('vm.create', { name: 'loop', config, start: true });
    const loop = await BootLoop.begin(owner);
    await eventually('it boots in a loop', () => loop.boots.length >= 2, 180);

    const before = await loop.during(unobservedSeconds / 2);
    const size = residentMebibytes(daemon.pid);
    const { child, report } = observe(daemon);
    observers = child;
    const stalled = await stall(daemon);
    let largest = size;
    let buffered = 0;
    const watch = setInterval(() => {
      largest = Math.max(largest, residentMebibytes(daemon.pid));
      void owner.call('monitor.clients', {}).then(({ clients }) => {
        buffered = Math.max(buffered, ...clients.map(({ bufferedBytes }) => bufferedBytes));
      });
    }, 1000);
    const used = cpuSeconds(daemon.pid);
    const usedByClients = cpuSeconds(child.pid ?? 0);
    const pid = (await owner.call('vm.status', { vm: 'loop' })).pid ?? 0;
    const thread = cpuThread(pid);
    const observed = await loop.during(observedSeconds);
    const { ran, waited } = cpuThread(pid);
    const words = [ran - thread.ran, waited - thread.waited].map((time) => ((100 * time) / observedSeconds).toFixed(0));
    const shareOfClients = (100 * (cpuSeconds(child.pid ?? 0) - usedByClients)) / observedSeconds;
    const share = (100 * (cpuSeconds(daemon.pid) - used)) / observedSeconds;
    clearInterval(watch);
    const { events, bytes, samples, gaps, behind, lost } = await report;
    assert.equal(await stalled.told, 4008, 'the stalled client is told, and dropped');
    const after = await loop.during(unobservedSeconds / 2);
    owner.close();

    const unobserved = [...before, ...after];
    assert.ok(observed.length >= 2 && unobserved.length >= 2, 'it has booted, observed and not');
    assert.deepEqual({ gaps, behind, lost }, { gaps: 0, behind: 0, lost: 0 }, 'who reads misses nothing');
    assert.ok(samples >= observedSeconds / 4, `counters came ${samples} times`);
    assert.ok(largest - size < 150, `the daemon grew by ${largest - size} MiB`);
    assert.ok(buffered < 512 * 1024, `${buffered} bytes were kept for one client`);
    const slower = 100 * (median(observed) / median(unobserved) - 1);
    process.stdout.write(
      `      a boot takes ${median(unobserved).toFixed(2)} s unobserved (${unobserved.length} boots), ` +
        `${median(observed).toFixed(2)} s observed (${observed.length}): ${slower.toFixed(1)} % more; each client had ` +
        `${events} events, ${bytes} bytes and ${samples} samples; the daemon used ` +
        `${share.toFixed(0)} % of a core and grew from ` +
        `${size.toFixed(0)} to ${largest.toFixed(0)} MiB, with ${buffered} bytes kept at most for one client; the clients used ` +
        `${shareOfClients.toFixed(0)} % of a core, the guest's CPU ${words[0]} %, and waited for one ${words[1]} % of the time\n`,
    );
  });
});
