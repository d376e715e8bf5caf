import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import type { MonitorClient } from '../../src/monitor/client.js';
import { connect } from '../../src/monitor/connect.js';
import type { TraceEvent } from '../../src/monitor/domains/trace.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

/**
 * Sets VBAR_EL1 to 0x40080000 and then calls PSCI_VERSION, reads UARTFR, writes UARTDR, executes TLBI VMALLE1 and IC IALLU,
 * writes TTBR0_EL1, executes SVC #7, and loads from where nothing is; then it waits for interrupts that do not come. The
 * handler at 0x200 goes on behind whatever was not an SVC.
 */
const guest = [
  0xd2a80100, 0xd518c000, 0xd5033fdf, 0x52b08000, 0xd4000002, 0xd2a12001, 0xb9401822, 0x52800823, 0xb9000023,
  0xd508871f, 0xd5033f9f, 0xd5033fdf, 0xd508751f, 0xd2820004, 0xd5182004, 0xd40000e1, 0xd2a12a05, 0xf94000a6,
  0xd503207f, 0x17ffffff,
];
const handler = [0xd5385209, 0xd35afd29, 0xf100553f, 0x54000080, 0xd5384029, 0x91001129, 0xd5184029, 0xd69f03e0];

describe('trace', function () {
  this.timeout(120_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
  });

  async function create(config = {}): Promise<void> {
    const image = new Uint32Array(256);
    image.set(guest);
    image.set(handler, 0x200 / 4);
    writeFileSync(folder.at('traced'), image);
    const loads = [{ path: folder.at('traced'), address: 0x4008_0000 }];
    await client.call('vm.create', { name: 'traced', config: { loads, memoryBytes: 32 << 20, ...config } });
    await client.call('vm.start', { vm: 'traced', paused: true });
  }

  /** Without what differs between runs. */
  const shown = ({ number: _number, time: _time, cpu: _cpu, ...rest }: TraceEvent) => rest;

  for (const tier of ['interpreter', 'direct'] as const) {
    it(`tells in order what a CPU of the tier ${tier} goes through`, async () => {
      await create({ tier });
      const categories = ['exceptions', 'returns', 'calls', 'sleeps', 'devices', 'maintenance', 'registers'] as const;
      const begun = await client.call('trace.start', { vm: 'traced', categories: [...categories], records: 1000 });
      assert.deepEqual([begun.tracing, begun.records, begun.categories], [true, 1024, [...categories]]);
      await client.call('vm.resume', { vm: 'traced' });
      const events = await eventually('it sleeps', async () => {
        const read = await client.call('trace.read', { vm: 'traced' });
        return read.events.at(-1)?.kind === 'sleep' && read.events;
      });
      const vector = '0x40080200';
      assert.deepEqual(events.map(shown), [
        {
          ...{ kind: 'call', name: 'PSCI_VERSION', function: '0x84000000' },
          ...{ arguments: ['0x0', '0x0'], result: '0x10001' },
        },
        { kind: 'deviceRead', name: 'pl011', address: '0x9000018', bytes: 4, value: '0x90', refused: false },
        { kind: 'deviceWrite', name: 'pl011', address: '0x9000000', bytes: 4, value: '0x41', refused: false },
        { kind: 'maintenance', name: 'tlb-all', remote: false },
        { kind: 'maintenance', name: 'code-all', remote: false },
        { kind: 'register', name: 'ttbr0_el1', value: '0x1000' },
        { kind: 'exception', name: 'svc', fromEl: 1, pc: '0x40080040', vector, esr: '0x56000007' },
        { kind: 'return', toEl: 1, pc: '0x40080040', spsr: '0x3c5' },
        { kind: 'deviceRead', name: 'nothing', address: '0x9500000', bytes: 8, value: '0x0', refused: true },
        {
          ...{ kind: 'exception', name: 'data-abort-same', fromEl: 1, pc: '0x40080044', vector },
          ...{ esr: '0x96000010', far: '0x9500000' },
        },
        { kind: 'return', toEl: 1, pc: '0x40080048', spsr: '0x3c5' },
        { kind: 'sleep', name: 'wfi' },
      ]);
      assert.deepEqual(
        events.map(({ number }) => number),
        events.map((_event, index) => index),
      );
      assert.ok(events.every(({ time }, index) => time >= (events[index - 1]?.time ?? 0)));
      await client.call('trace.stop', { vm: 'traced' });
    });
  }

  it('loses what nobody reads, says how much, and goes on', async () => {
    await client.call('vm.create', { name: 'echo', config: tinyGuest('echo', folder.at('echo')), start: true });
    const read = (params: object = {}) => client.call('trace.read', { vm: 'echo', ...params });
    await assert.rejects(read(), refusedWith('BEELINE_E_TRACE_OFF'));
    await assert.rejects(client.call('trace.stop', { vm: 'echo' }), refusedWith('BEELINE_E_TRACE_OFF'));
    assert.equal((await client.call('trace.status', { vm: 'echo' })).tracing, false);
    await client.call('trace.start', { vm: 'echo', categories: ['devices'], records: 16 });
    await assert.rejects(client.call('trace.start', { vm: 'echo' }), refusedWith('BEELINE_E_TRACE_ON'));
    const first = await read({ limit: 1 });
    assert.equal(first.events.length, 1);
    // It polls its serial port.
    await eventually('it has polled', async () => {
      return ((await client.call('trace.status', { vm: 'echo' })).written[0] ?? 0) > 10_000;
    });
    await client.call('vm.pause', { vm: 'echo' });
    const second = await read({ cursor: first.cursor });
    const { written } = await client.call('trace.status', { vm: 'echo' });
    assert.equal(second.events.length, 15);
    assert.equal(second.more, false);
    const lost = (first.lost[0] ?? 0) + (second.lost[0] ?? 0);
    assert.equal(first.events.length + lost, second.events[0]?.number, 'each was told of or lost');
    assert.equal((second.events.at(-1)?.number ?? 0) + 1, written[0]);
    assert.deepEqual((await read({ cursor: second.cursor })).events, []);
    assert.deepEqual((await read()).events, second.events, 'another reader has its own place');
    await assert.rejects(read({ cursor: '1:0' }), refusedWith('BEELINE_E_TRACE_CURSOR'));
    await assert.rejects(read({ cursor: 'x' }), refusedWith('BEELINE_E_PARAMS'));
    await assert.rejects(read({ limit: 0 }), refusedWith('BEELINE_E_PARAMS'));
    for (const wrong of [{ categories: [] }, { categories: ['x'] }, { records: 1 }, { records: 1e9 }]) {
      await assert.rejects(
        client.call('trace.start', { vm: 'echo', ...wrong } as never),
        refusedWith('BEELINE_E_PARAMS'),
      );
    }
    const viewer = await connect({ kind: 'url', url: daemon.url, token: daemon.tokens.view });
    assert.equal((await viewer.call('trace.read', { vm: 'echo' })).events.length, 15);
    await assert.rejects(viewer.call('trace.stop', { vm: 'echo' }), refusedWith('BEELINE_E_FORBIDDEN'));
    viewer.close();
    await client.call('vm.resume', { vm: 'echo' });
    await client.call('trace.stop', { vm: 'echo' });
    assert.equal((await client.call('vm.status', { vm: 'echo' })).state, 'running');
  });

  it('shows interrupts and calls of Linux with two CPUs at the command line', async () => {
    const config = { image: 'debian-busybox', cpus: 2 } as never;
    await client.call('vm.create', { name: 'linux', config });
    await client.call('vm.start', { vm: 'linux', paused: true });
    const traced = daemon.cli(['trace', 'linux', '--categories', 'interrupts,calls', '--count', '400', '--json']);
    await eventually('the trace', async () => (await client.call('trace.status', { vm: 'linux' })).tracing);
    await client.call('vm.resume', { vm: 'linux' });
    const { status, stdout, stderr } = await traced;
    assert.equal(status, 0, stderr);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TraceEvent);
    assert.equal(events.length, 400);
    assert.ok(events.some(({ kind, name }) => kind === 'call' && name === 'CPU_ON'));
    assert.ok(
      events.some(({ kind, intid }) => kind === 'acknowledge' && intid === 27),
      'the virtual timer',
    );
    assert.ok(events.some(({ kind, name, cpu }) => kind === 'interrupt' && name === 'irq' && cpu === 1));
    assert.equal((await client.call('trace.status', { vm: 'linux' })).tracing, false, 'it ends what it has begun');
    const few = await daemon.cli(['trace', 'linux', '--count', '3']);
    assert.match(few.stdout, /^( +\d+\.\d{9} {2}cpu[01] {2}\w+ .*\n){3}$/);
    const wrong = await daemon.cli(['trace', 'linux', '--categories', 'everything']);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /--categories: everything is not known; choose exceptions/);
  });
});
