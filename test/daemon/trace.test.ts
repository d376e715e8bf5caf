import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import type { MonitorClient } from '../../src/monitor/client.js';
import { connect } from '../../src/monitor/connect.js';
import type { TraceEvent } from '../../src/monitor/domains/trace.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

/** From VBAR_EL1 on: what begins there, and handlers for the current exception level (DDI 0487, D1.3.1). */
const offsets = { main: 0, sync: 0x200, irq: 0x280, fiq: 0x300 } as const;
type Code = { readonly [part in keyof typeof offsets]?: readonly number[] };

/**
 * Sets VBAR_EL1 to 0x40080000 and then calls PSCI_VERSION, reads UARTFR, writes UARTDR, executes TLBI VMALLE1 and IC IALLU,
 * writes TTBR0_EL1, executes SVC #7, and loads from where nothing is; then it waits for interrupts that do not come. The
 * handler goes on behind whatever was not an SVC.
 */
const guest: Code = {
  main: [
    0xd2a80100, 0xd518c000, 0xd5033fdf, 0x52b08000, 0xd4000002, 0xd2a12001, 0xb9401822, 0x52800823, 0xb9000023,
    0xd508871f, 0xd5033f9f, 0xd5033fdf, 0xd508751f, 0xd2820004, 0xd5182004, 0xd40000e1, 0xd2a12a05, 0xf94000a6,
    0xd503207f, 0x17ffffff,
  ],
  sync: [0xd5385209, 0xd35afd29, 0xf100553f, 0x54000080, 0xd5384029, 0x91001129, 0xd5184029, 0xd69f03e0],
};

/**
 * By version of the GIC. Each has both groups enabled, SGI 1 in group 0, which comes as FIQ, and SGI 2 in group 1. It makes
 * them pending, one after the other, and then acknowledges once more. The handler of IRQs first tries the register
 * of group 0, which is not for group 1. For GICv2 SGI 1 is from CPU 1, which bits 12..10 of GICC_IAR tell.
 */
const interrupted: Readonly<Record<2 | 3, Code>> = {
  // GICD_CTLR, GICD_IGROUPR0, GICC_PMR, GICC_CTLR with FIQEn, GICD_SPENDSGIR0; GICC_IAR, GICC_AIAR, GICC_AEOIR, GICC_EOIR
  2: {
    main: [
      0xd2a80100, 0xd518c000, 0xd5033fdf, 0xd2a10001, 0xd2a10022, 0x52800063, 0xb9000023, 0x52800083, 0xb9008023,
      0x52801e03, 0xb9000443, 0x52800163, 0xb9000043, 0xd50343ff, 0x52804003, 0xb90f2023, 0xb400000a, 0xd280000a,
      0x52a00023, 0xb90f2023, 0xb400000a, 0xb9400c44, 0xd503207f, 0x17ffffff,
    ],
    irq: [0xb9400c44, 0xb9402044, 0xb9002444, 0xd280002a, 0xd69f03e0],
    fiq: [0xb9400c44, 0xb9001044, 0xd280002a, 0xd69f03e0],
  },
  // GICD_CTLR, GICR_WAKER, GICR_IGROUPR0, GICR_ISENABLER0, ICC_PMR_EL1, ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1, ICC_SGI0R_EL1,
  // ICC_SGI1R_EL1; ICC_IAR0_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_EOIR0_EL1
  3: {
    main: [
      0xd2a80100, 0xd518c000, 0xd5033fdf, 0xd2a10001, 0xd2a10142, 0xd2a10165, 0x52800263, 0xb9000023, 0xb900145f,
      0x52800083, 0xb90080a3, 0x528000c3, 0xb90100a3, 0xd2801e03, 0xd5184603, 0xd2800023, 0xd518ccc3, 0xd518cce3,
      0xd5033fdf, 0xd50343ff, 0xd2a02003, 0xf2800023, 0xd518cbe3, 0xb400000a, 0xd280000a, 0xd2a04003, 0xf2800023,
      0xd518cba3, 0xb400000a, 0xd538cc04, 0xd503207f, 0x17ffffff,
    ],
    irq: [0xd538c804, 0xd538cc04, 0xd518cc24, 0xd280002a, 0xd69f03e0],
    fiq: [0xd538c804, 0xd518c824, 0xd280002a, 0xd69f03e0],
  },
};

describe('trace', function () {
  this.timeout(120_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
  });

  async function create(config = {}, code = guest): Promise<void> {
    const image = new Uint32Array(256);
    for (const part of ['main', 'sync', 'irq', 'fiq'] as const) image.set(code[part] ?? [], offsets[part] / 4);
    writeFileSync(folder.at('traced'), image);
    const loads = [{ path: folder.at('traced'), address: 0x4008_0000 }];
    await client.call('vm.create', { name: 'traced', config: { loads, memoryBytes: 32 << 20, ...config } });
    await client.call('vm.start', { vm: 'traced', paused: true });
  }

  /** Without what differs between runs. */
  const shown = ({ number: _number, time: _time, cpu: _cpu, ...rest }: TraceEvent) => rest;

  /** All events, when the last one is that CPU 0 sleeps. */
  const untilSleep = () =>
    eventually('it sleeps', async () => {
      const { events } = await client.call('trace.read', { vm: 'traced' });
      return events.at(-1)?.kind === 'sleep' && events;
    });

  for (const tier of ['interpreter', 'direct'] as const) {
    it(`tells in order what a CPU of the tier ${tier} goes through`, async () => {
      await create({ tier });
      const categories = ['exceptions', 'returns', 'calls', 'sleeps', 'devices', 'maintenance', 'registers'] as const;
      const begun = await client.call('trace.start', { vm: 'traced', categories: [...categories], records: 1000 });
      assert.deepEqual([begun.tracing, begun.records, begun.categories], [true, 1024, [...categories]]);
      await client.call('vm.resume', { vm: 'traced' });
      const events = await untilSleep();
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

  for (const gic of [2, 3] as const) {
    for (const tier of ['interpreter', 'direct'] as const) {
      it(`tells FIQs from IRQs, and what GICv${gic} says of each, in the tier ${tier}`, async () => {
        await create({ tier, gic, cpus: 2 }, interrupted[gic]);
        await client.call('trace.start', { vm: 'traced', categories: ['interrupts', 'sleeps'] });
        await client.call('vm.resume', { vm: 'traced' });
        const events = await untilSleep();
        assert.ok(events.every(({ cpu }) => cpu === 0));
        // Where exactly a CPU is interrupted is its own affair.
        const places = events.flatMap(({ kind, pc }) => (kind === 'interrupt' ? [Number(pc)] : []));
        assert.ok(places.every((pc) => pc >= 0x4008_0000 && pc < 0x4008_0200));
        const intids = (...list: number[]) => list.map((intid) => ({ kind: 'acknowledge', intid }));
        // Those of group 1 are not for the register of group 0: GICv2 says that there is one, GICv3 that there is none.
        const notForGroup0 = gic === 2 ? 1022 : 1023;
        assert.deepEqual(
          events.map(({ pc: _pc, ...event }) => shown(event)),
          [
            { kind: 'interrupt', name: 'fiq', fromEl: 1, vector: '0x40080300' },
            ...intids(1),
            { kind: 'interrupt', name: 'irq', fromEl: 1, vector: '0x40080280' },
            ...intids(notForGroup0, 2, 1023),
            { kind: 'sleep', name: 'wfi' },
          ],
        );
      });
    }
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
