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
/** Windows in turns, observed and not, so that what drifts meets both: the first of each pair is the other one each time. */
const pairs = 10;
const windowSeconds = 20;
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

/** Reboots the guest whenever it has come to its prompt. */
class BootLoop {
  boots = 0;

  static async begin(owner: MonitorClient): Promise<BootLoop> {
    const loop = new BootLoop();
    owner.on('monitor.event', ({ event }) => {
      if (event === 'vm.reset') loop.boots++;
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

/** A hundred clients in a process of their own, which follow everything for so long. */
class Observers {
  readonly child: ChildProcess;
  /** All of them do. */
  readonly ready: Promise<void>;
  readonly report: Promise<ObserverReport>;

  constructor(daemon: TestDaemon, seconds: number) {
    const child = fork(observersPath, [daemon.socket, 'loop', String(clientCount), String(seconds)]);
    const fails = (reject: (error: Error) => void) =>
      child.once('exit', (status) => reject(new Error(`the observers ended with status ${status}`)));
    this.child = child;
    this.ready = new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      fails(reject);
    });
    this.report = new Promise((resolve, reject) => {
      child.on('message', (message) => message !== 'ready' && resolve(message as ObserverReport));
      fails(reject);
    });
  }
}

interface Window {
  readonly boots: number;
  /** Guest instructions a second, of the host's clock and of time on a core of the host. */
  readonly speed: number;
  readonly cpuSpeed: number;
  /** Share of the time that the guest's CPU waited for a core. */
  readonly waited: number;
}

/** By how much slower the second is, as percentages, over all pairs. */
function slower(windows: readonly (readonly [unobserved: Window, observed: Window])[], of: (window: Window) => number) {
  const ratios = windows.map(([unobserved, observed]) => 100 * (1 - of(observed) / of(unobserved)));
  const words = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(1));
  return `${words[0]} % (${words[1]} to ${words[2]})`;
}

describe(`${clientCount} clients that follow everything`, function () {
  this.timeout(1_200_000);
  let daemon: TestDaemon;
  let owner: MonitorClient;
  let loop: BootLoop;
  let observers: Observers | undefined;
  const folder = new TemporaryFolder(async () => {
    observers?.child.kill();
    await daemon?.destroy();
  });

  beforeEach(async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start({ BEELINE_LIMITS_PATIENCE: String(patience) });
    owner = await daemon.client();
    const config = { image: 'debian-busybox', memoryBytes: 256 * 1024 * 1024 };
    await owner.call('vm.create', { name: 'loop', config, start: true });
    loop = await BootLoop.begin(owner);
    await eventually('it boots in a loop', () => loop.boots >= 5, 180);
  });
  afterEach(() => owner.close());

  it('miss nothing, and leave the daemon its size; one that stalls is told and dropped', async () => {
    const size = residentMebibytes(daemon.pid);
    observers = new Observers(daemon, observedSeconds);
    const { child, ready, report } = observers;
    await ready;
    const stalled = await stall(daemon);
    let largest = size;
    let buffered = 0;
    const watch = setInterval(() => {
      largest = Math.max(largest, residentMebibytes(daemon.pid));
      void owner.call('monitor.clients', {}).then(({ clients }) => {
        buffered = Math.max(buffered, ...clients.map(({ bufferedBytes }) => bufferedBytes));
      });
    }, 1000);
    const before = [cpuSeconds(daemon.pid), cpuSeconds(child.pid ?? 0)] as const;
    await sleep(observedSeconds - 2);
    const shares = [daemon.pid, child.pid ?? 0].map((pid, index) =>
      ((100 * (cpuSeconds(pid) - (before[index] ?? 0))) / (observedSeconds - 2)).toFixed(0),
    );
    const { events, bytes, samples, gaps, behind, lost } = await report;
    clearInterval(watch);
    assert.equal(await stalled.told, 4008, 'the stalled client is told, and dropped');
    assert.deepEqual({ gaps, behind, lost }, { gaps: 0, behind: 0, lost: 0 }, 'who reads misses nothing');
    assert.ok(samples >= observedSeconds / 4, `counters came ${samples} times`);
    assert.ok(largest - size < 150, `the daemon grew by ${largest - size} MiB`);
    assert.ok(buffered < 512 * 1024, `${buffered} bytes were kept for one client`);
    process.stdout.write(
      `      each client had ${events} events, ${bytes} bytes and ${samples} samples; the daemon used ${shares[0]} % of a core, ` +
        `the clients ${shares[1]} %; it grew from ${size.toFixed(0)} to ${largest.toFixed(0)} MiB, with ${buffered} bytes kept ` +
        'at most for one client\n',
    );
  });

  it('leave the guest its speed', async () => {
    const pid = (await owner.call('vm.status', { vm: 'loop' })).pid ?? 0;
    async function look() {
      const { cpus } = await owner.call('perf.counters', { vm: 'loop' });
      const instructions = cpus.reduce((sum, counters) => sum + (counters.instructions ?? 0), 0);
      return { ...cpuThread(pid), instructions, boots: loop.boots, time: performance.now() / 1000 };
    }
    async function watch(): Promise<Window> {
      const before = await look();
      await sleep(windowSeconds);
      const after = await look();
      const instructions = after.instructions - before.instructions;
      const seconds = after.time - before.time;
      return {
        boots: after.boots - before.boots,
        speed: instructions / seconds,
        cpuSpeed: instructions / (after.ran - before.ran),
        waited: (after.waited - before.waited) / seconds,
      };
    }
    async function watchObserved(): Promise<Window> {
      observers = new Observers(daemon, windowSeconds + 1);
      await observers.ready;
      const window = await watch();
      await observers.report;
      return window;
    }
    const windows: [unobserved: Window, observed: Window][] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const early = pair % 2 === 0 ? await watch() : undefined;
      const observed = await watchObserved();
      windows.push([early ?? (await watch()), observed]);
    }
    assert.ok(
      windows.flat().every(({ boots }) => boots >= 2),
      'it has booted in each',
    );
    const medianOf = (side: 0 | 1, of: (window: Window) => number) => median(windows.map((pair) => of(pair[side])));
    const waited = ([0, 1] as const).map((side) => (100 * medianOf(side, (window) => window.waited)).toFixed(1));
    process.stdout.write(
      `      ${pairs} pairs of windows of ${windowSeconds} s: ${(medianOf(0, ({ speed }) => speed) / 1e6).toFixed(0)} million guest ` +
        `instructions a second unobserved; observed it is slower by ${slower(windows, ({ speed }) => speed)}, by CPU time ` +
        `${slower(windows, ({ cpuSpeed }) => cpuSpeed)}; the guest's CPU waits for a core of the host ${waited[0]} and ${waited[1]} ` +
        '% of the time\n',
    );
  });
});
