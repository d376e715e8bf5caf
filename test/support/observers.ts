// Many clients of a daemon in a process of their own: node observers.js SOCKET GUEST CLIENTS SECONDS. Each follows all
// events, the guest's console and its counters. The parent is told 'ready' when all do, and then what came of it.
import type { MonitorClient } from '../../src/monitor/client.js';
import { connect } from '../../src/monitor/connect.js';

export interface ObserverReport {
  /** What the one had that had least. */
  readonly events: number;
  readonly bytes: number;
  readonly samples: number;
  /** Events and bytes that did not follow upon the last ones. */
  readonly gaps: number;
  /** Clients that had not come to what was the end when the time was over. */
  readonly behind: number;
  /** Connections that ended. */
  readonly lost: number;
}

/** Seconds. */
const sampleInterval = 1;
const arrivalLimit = 10;

const numberOf = (cursor: string) => Number(cursor.split(':')[1]);
const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

class Observer {
  events = 0;
  bytes = 0;
  samples = 0;
  gaps = 0;
  isLost = false;
  lastEvent = 0;
  lastByte = 0;
  readonly client: MonitorClient;

  constructor(client: MonitorClient) {
    this.client = client;
    void client.closed.then(() => {
      this.isLost = true;
    });
  }

  async begin(vm: string): Promise<void> {
    this.client.on('monitor.event', ({ cursor }) => {
      const number = numberOf(cursor);
      if (number !== this.lastEvent + 1) this.gaps++;
      this.lastEvent = number;
      this.events++;
    });
    this.client.on('perf.sample', () => {
      this.samples++;
    });
    const { cursor } = await this.client.call('monitor.events', { limit: 1 });
    this.lastEvent = numberOf(cursor);
    await this.client.call('monitor.subscribe', { cursor });
    const { consoleEnd } = await this.client.call('vm.status', { vm });
    this.lastByte = consoleEnd;
    await this.client.attach({ vm, from: consoleEnd }, (bytes, offset) => {
      if (offset !== this.lastByte) this.gaps++;
      this.lastByte = offset + bytes.length;
      this.bytes += bytes.length;
    });
    await this.client.call('perf.subscribe', { vm, interval: sampleInterval });
  }
}

async function observe(path: string, vm: string, count: number, seconds: number): Promise<ObserverReport> {
  const asker = await connect({ kind: 'unix', path });
  const observers: Observer[] = [];
  for (let n = 0; n < count; n++) observers.push(new Observer(await connect({ kind: 'unix', path })));
  await Promise.all(observers.map((observer) => observer.begin(vm)));
  process.send?.('ready');
  await sleep(seconds);
  const { cursor } = await asker.call('monitor.events', { limit: 1 });
  const { consoleEnd } = await asker.call('vm.status', { vm });
  const isBehind = ({ lastEvent, lastByte }: Observer) => lastEvent < numberOf(cursor) || lastByte < consoleEnd;
  const deadline = performance.now() + arrivalLimit * 1000;
  while (observers.some(isBehind) && performance.now() < deadline) await sleep(0.1);
  return {
    events: Math.min(...observers.map(({ events }) => events)),
    bytes: Math.min(...observers.map(({ bytes }) => bytes)),
    samples: Math.min(...observers.map(({ samples }) => samples)),
    gaps: observers.reduce((sum, { gaps }) => sum + gaps, 0),
    behind: observers.filter(isBehind).length,
    lost: observers.filter(({ isLost }) => isLost).length,
  };
}

const [path = '', vm = '', count = '', seconds = ''] = process.argv.slice(2);
const report = await observe(path, vm, Number(count), Number(seconds));
process.send?.(report, () => process.exit(0));
