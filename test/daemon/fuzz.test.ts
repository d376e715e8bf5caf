import { strict as assert } from 'node:assert';
import { WebSocket } from 'ws';
import { FrameKind, writeFrame } from '../../src/monitor/frames.js';
import { writeRequest } from '../../src/monitor/json-rpc.js';
import { methods } from '../../src/monitor/protocol.js';
import { eventually, TestDaemon } from '../support/daemon.js';
import { fuzzCount, fuzzSeed, Random } from '../support/random.js';
import { TemporaryFolder } from '../support/temporary.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** So many are sent before their answers are awaited. */
const window = 500;

const strange: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  0.1,
  '',
  '..',
  '../../etc/passwd',
  'a\u0000b',
  '\ud800',
  'x'.repeat(3000),
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: null, constructor: { prototype: { polluted: 1 } } },
  { toString: 1 },
];
const names = ['victim', 'nobody', 'constructor', '__proto__', 'x'.repeat(40)];
const keys = [
  'vm',
  'name',
  'config',
  'cursor',
  'events',
  'vms',
  'stream',
  'from',
  'length',
  'token',
  'base64',
  'interval',
  'start',
  'force',
  'timeout',
  '__proto__',
  'x',
];

function params(random: Random): unknown {
  if (random.below(20) === 0) return random.pick(strange);
  const object: Record<string, unknown> = {};
  for (let n = random.below(4); n >= 0; n--) {
    const key = random.pick(keys);
    Object.defineProperty(object, key, {
      value: key === 'vm' && random.below(2) === 0 ? random.pick(names) : random.pick(strange),
      enumerable: true,
      configurable: true,
    });
  }
  return object;
}

function message(random: Random, id: number): string | Uint8Array {
  const method =
    random.below(10) === 0
      ? random.pick(['', 'vm.', '.x', 'vm.constructor', 'rpc.x'])
      : random.pick([...methods.keys()]);
  const request = writeRequest(random.below(8) === 0 ? (random.pick(strange) as number) : id, method, params(random));
  switch (random.below(12)) {
    case 0:
      return request.slice(0, random.below(request.length));
    case 1: {
      const bytes = Buffer.from(request);
      for (let n = random.below(4); n >= 0; n--) bytes[random.below(bytes.length)] = random.below(128);
      return bytes.toString('latin1');
    }
    case 2:
      return `[${Array.from({ length: random.below(70) }, () => request.slice(0, 200)).join(',')}]`;
    case 3:
      return '['.repeat(random.below(60_000));
    case 4:
      return writeFrame({
        kind: random.pick([FrameKind.input, FrameKind.output]),
        stream: random.below(4),
        offset: random.below(1000),
        bytes: new Uint8Array(random.below(64)),
      });
    case 5:
      return Uint8Array.from({ length: random.below(40) }, () => random.below(256));
    default:
      return request;
  }
}

describe(`${fuzzCount} random and mutated messages`, function () {
  this.timeout(60_000 + fuzzCount * 4);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());

  it(`of a viewer neither crash nor stop the daemon, nor change anything (seed ${fuzzSeed})`, async () => {
    daemon = new TestDaemon(folder.path);
    await daemon.start({ BEELINE_LIMITS_RATE: '100000', BEELINE_LOG_LEVEL: 'error' });
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'victim', config: tinyGuest('echo', folder.at('echo')), start: true });
    const before = await owner.call('monitor.events', { limit: 1000 });
    const statusBefore = await owner.call('vm.status', { vm: 'victim' });

    const random = new Random(fuzzSeed);
    let connections = 0;
    const connection = async () => {
      const headers = { authorization: `Bearer ${daemon.tokens.view}` };
      // Some messages are wrong tokens, for which an address is blocked in the end: each connection has its own.
      const number = 256 + connections++;
      const localAddress = `127.0.${number >> 8}.${number & 255}`;
      const socket = new WebSocket(new URL('/monitor', daemon.url), { headers, localAddress });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      return socket;
    };
    let socket = await connection();
    for (let sent = 0; sent < fuzzCount; ) {
      for (let n = 0; n < window && sent < fuzzCount; n++, sent++) {
        if (socket.readyState === WebSocket.OPEN) socket.send(message(random, sent));
      }
      // The daemon may close a connection for what it sent, never fail to answer the next.
      const mark = `mark ${sent}`;
      let isBack = false;
      const look = (data: Buffer) => {
        if (data.includes(mark)) isBack = true;
      };
      socket.on('message', look);
      if (socket.readyState === WebSocket.OPEN) socket.send(writeRequest(mark, 'monitor.version', {}));
      const isClosed = () => socket.readyState !== WebSocket.OPEN;
      await eventually(`an answer after ${sent} messages`, () => isBack || isClosed());
      socket.off('message', look);
      // Streams that were opened by chance are limited in number.
      socket.terminate();
      socket = await connection();
    }
    socket.terminate();

    const after = await owner.call('monitor.events', { limit: 1000, cursor: before.cursor });
    assert.deepEqual(after.events, []);
    const { vms } = await owner.call('vm.list', {});
    assert.deepEqual(vms, [statusBefore]);
    assert.equal((await owner.call('monitor.version', {})).pid, daemon.pid);
    assert.equal(daemon.log, '');
    owner.close();
  });
});
