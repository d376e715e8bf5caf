import { strict as assert } from 'node:assert';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { MonitorClient } from '../../src/monitor/client.js';
import type { EventNotice } from '../../src/monitor/follow.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { refusedWith } from '../support/throws.js';
import { type TinyGuest, tinyGuest } from '../support/tiny-guests.js';

describe('beeline daemon', function () {
  this.timeout(90_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  let events: EventNotice[];
  const limits = ['--max-guests', '4', '--max-memory', '128M', '--max-cpus', '4'];
  const folder = daemonForEachTest(
    async (started) => {
      daemon = started;
      client = await daemon.client();
      events = [];
      client.on('monitor.event', (event) => events.push(event));
      await client.call('monitor.subscribe', {});
    },
    ...limits,
  );

  const tiny = (name: TinyGuest) => tinyGuest(name, folder.at(name));
  const states = (vm: string) =>
    events.flatMap(({ event, vm: about, data }) =>
      about?.name === vm && event === 'vm.state' ? [(data as { to: string }).to] : [],
    );
  const has = (event: string, vm: string) => events.some((one) => one.event === event && one.vm?.name === vm);

  it('keeps its folder to itself', () => {
    assert.equal(statSync(daemon.state).mode & 0o777, 0o700);
    for (const file of ['socket', 'tokens.json']) {
      assert.equal(statSync(`${daemon.state}/${file}`).mode & 0o777, 0o600, file);
    }
  });

  it('runs a guest to its end and tells every step', async () => {
    await client.call('vm.create', { name: 'hello', config: tiny('hello') });
    await client.call('vm.start', { vm: 'hello' });
    await eventually('it stops', () => states('hello').includes('stopped'));
    assert.deepEqual(states('hello'), ['starting', 'running', 'stopped']);
    const status = await client.call('vm.status', { vm: 'hello' });
    assert.equal(status.cause, 'guest');
    const { base64 } = await client.call('console.read', { vm: 'hello' });
    assert.equal(Buffer.from(base64, 'base64').toString(), 'OK');
    const cursors = events.map(({ cursor }) => Number(cursor.split(':')[1]));
    assert.deepEqual(
      cursors,
      [...cursors].sort((a, b) => a - b),
    );
    assert.equal(new Set(cursors).size, cursors.length);
  });

  it('gives a guest drives and networks, and says what is wrong with them', async () => {
    const disk = folder.at('disk');
    writeFileSync(disk, Buffer.alloc(1 << 20));
    const config = {
      ...tiny('idle'),
      drives: [{ path: disk, serial: 'first' }],
    };
    const forward = (hostPort: number) => [
      {
        kind: 'user' as const,
        forwards: [{ protocol: 'tcp' as const, hostAddress: '127.0.0.1', hostPort, guestPort: 22 }],
      },
    ];
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await client.call('vm.create', { name: 'a', config: { ...config, networks: forward(port) } });
    await assert.rejects(client.call('vm.start', { vm: 'a' }), /TCP port \d+ of 127.0.0.1 is in use/);
    await new Promise((resolve) => taken.close(resolve));
    await client.call('vm.start', { vm: 'a' });
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(void socket.destroy()));
      socket.on('error', reject);
    });
    await client.call('vm.create', { name: 'b', config });
    await assert.rejects(client.call('vm.start', { vm: 'b' }), refusedWith('BEELINE_E_DISK'));
    const odd = { ...config, networks: [{ kind: 'tap' as const }] };
    await assert.rejects(client.call('vm.create', { name: 'c', config: odd }), refusedWith('BEELINE_E_PARAMS'));
    const missing = { ...config, drives: [{ path: '/nowhere' }] };
    await assert.rejects(
      client.call('vm.create', { name: 'c', config: missing }),
      refusedWith('BEELINE_E_FILE_MISSING'),
    );
  });

  it('pauses, resumes, measures, types to, and resets a guest', async () => {
    await client.call('vm.create', { name: 'echo', config: tiny('echo') });
    assert.equal((await client.call('vm.start', { vm: 'echo', paused: true })).state, 'paused');
    const executed = async () => (await client.call('perf.counters', { vm: 'echo' })).cpus[0]?.instructions ?? 0;
    assert.equal(await executed(), 0);
    assert.equal((await client.call('vm.resume', { vm: 'echo' })).state, 'running');
    let output = '';
    const { stream } = await client.attach({ vm: 'echo' }, (bytes) => {
      output += Buffer.from(bytes).toString();
    });
    client.type(stream, Buffer.from('HAL'));
    await eventually('an answer', () => output === 'IBM');
    await client.call('console.write', { vm: 'echo', base64: Buffer.from('a').toString('base64') });
    await eventually('another', () => output === 'IBMb');
    assert.equal((await client.call('vm.pause', { vm: 'echo' })).state, 'paused');
    const still = await executed();
    assert.ok(still > 0);
    assert.equal(await executed(), still);
    await client.call('vm.reset', { vm: 'echo' });
    await client.call('vm.resume', { vm: 'echo' });
    await eventually('the reset is told', () => has('vm.reset', 'echo'));
    await client.detach(stream);
    await client.call('console.write', { vm: 'echo', base64: Buffer.from('q').toString('base64') });
    await eventually('it stops', () => states('echo').includes('stopped'));
    assert.equal(output, 'IBMb');
  });

  it('stops guests at breakpoints and watchpoints, steps them, and writes their memory', async () => {
    await client.call('vm.create', { name: 'echo', config: tiny('echo') });
    await client.call('vm.start', { vm: 'echo', paused: true });
    const stops = () => events.filter(({ event }) => event === 'cpu.stopped').map(({ data }) => data);
    // The loop of the guest: its third instruction tests a flag, its fourth goes back.
    const breakpoints = ['0x40080008'];
    await client.call('cpu.setBreakpoints', { vm: 'echo', breakpoints, watchpoints: [] });
    assert.deepEqual((await client.call('cpu.breakpoints', { vm: 'echo' })).breakpoints, breakpoints);
    await client.call('vm.resume', { vm: 'echo' });
    await eventually('the breakpoint', () => stops().length === 1);
    assert.deepEqual(stops()[0], { cpu: 0, reason: 'breakpoint', pc: '0x40080008', address: null });
    assert.equal((await client.call('vm.status', { vm: 'echo' })).state, 'paused');
    assert.deepEqual(await client.call('cpu.step', { vm: 'echo' }), { cpu: 0, pc: '0x40080004' });
    assert.deepEqual(await client.call('cpu.step', { vm: 'echo', count: 2 }), { cpu: 0, pc: '0x40080004' });
    await client.call('cpu.setBreakpoints', { vm: 'echo', breakpoints: [], watchpoints: [] });
    await client.call('vm.resume', { vm: 'echo' });
    await assert.rejects(client.call('cpu.step', { vm: 'echo' }), refusedWith('BEELINE_E_VM_STATE'));
    assert.equal((await client.call('cpu.halt', { vm: 'echo' })).cpus.length, 1);
    // 1: b 1b in place of the loop; the second word behind it stays.
    const base64 = Buffer.from([0x00, 0x00, 0x00, 0x14]).toString('base64');
    const registers = await client.call('cpu.registers', { vm: 'echo' });
    assert.deepEqual(await client.call('memory.write', { vm: 'echo', address: registers.pc, base64 }), { written: 4 });
    assert.deepEqual(await client.call('cpu.step', { vm: 'echo', count: 5 }), { cpu: 0, pc: registers.pc });
    await assert.rejects(client.call('cpu.step', { vm: 'echo', cpu: 3 }), refusedWith('BEELINE_E_CPU_UNKNOWN'));
    await assert.rejects(
      client.call('memory.write', { vm: 'echo', address: '0x9000000', base64, space: 'physical' }),
      refusedWith('BEELINE_E_ADDRESS'),
    );
  });

  it('dumps memory to core files, and lists disks with what was done to them', async () => {
    const disk = folder.at('disk.img');
    writeFileSync(disk, Buffer.alloc(1 << 20));
    const config = { ...tiny('echo'), drives: [{ path: disk, format: 'raw' as const, readonly: true }] };
    await client.call('vm.create', { name: 'echo', config, start: true });
    const { path } = await client.call('memory.dump', { vm: 'echo', name: 'one' });
    assert.equal(path, `${daemon.state}/guests/echo/dumps/one`);
    assert.equal(readFileSync(path).subarray(0, 4).toString('latin1'), '\x7fELF');
    assert.ok(statSync(path).size > config.memoryBytes);
    assert.equal((await client.call('vm.status', { vm: 'echo' })).state, 'running');
    for (let n = 0; n < 15; n++) await client.call('memory.dump', { vm: 'echo', name: `more-${n}` });
    await assert.rejects(
      client.call('memory.dump', { vm: 'echo', name: 'too-many' }),
      refusedWith('BEELINE_E_MEMORY_DUMP'),
    );
    await assert.rejects(client.call('memory.dump', { vm: 'echo', name: '../up' }), refusedWith('BEELINE_E_PARAMS'));
    const { disks } = await client.call('disk.list', { vm: 'echo' });
    const [only] = disks;
    assert.equal(disks.length, 1);
    assert.ok(only !== undefined);
    const { path: of, format, bytes, readonly, writes } = only;
    assert.deepEqual(
      { of, format, bytes, readonly, writes },
      { of: disk, format: 'raw', bytes: 1 << 20, readonly: true, writes: 0 },
    );
    await client.call('vm.stop', { vm: 'echo', timeout: 0 });
    await assert.rejects(client.call('disk.list', { vm: 'echo' }), refusedWith('BEELINE_E_VM_STATE'));
  });

  it('halts one CPU alone until it is resumed or the machine reset', async () => {
    await client.call('vm.create', { name: 'echo', config: { ...tiny('echo'), cpus: 2 }, start: true });
    let output = '';
    const { stream } = await client.attach({ vm: 'echo' }, (bytes) => {
      output += Buffer.from(bytes).toString();
    });
    const halted = async () => (await client.call('vm.status', { vm: 'echo' })).haltedCpus;
    const instructions = async () => (await client.call('perf.counters', { vm: 'echo' })).cpus[0]?.instructions;
    assert.deepEqual(await client.call('cpu.halt', { vm: 'echo', cpu: 1 }), { cpus: [{ cpu: 1, pc: null }] });
    client.type(stream, Buffer.from('H'));
    await eventually('the other CPU answers', () => output === 'I');
    const [place] = (await client.call('cpu.halt', { vm: 'echo', cpu: 0 })).cpus;
    assert.match(place?.pc ?? '', /^0x400800/);
    const { state, haltedCpus } = await client.call('vm.status', { vm: 'echo' });
    assert.deepEqual({ state, haltedCpus }, { state: 'running', haltedCpus: [0, 1] });
    assert.equal((await client.call('cpu.registers', { vm: 'echo' })).pc, place?.pc);
    await client.call('cpu.halt', { vm: 'echo', cpu: 0 });
    const still = await instructions();
    client.type(stream, Buffer.from('A'));
    await client.call('vm.pause', { vm: 'echo' });
    assert.equal((await client.call('cpu.step', { vm: 'echo' })).cpu, 0);
    await client.call('vm.resume', { vm: 'echo' });
    assert.deepEqual(await halted(), [0, 1]);
    assert.equal(await instructions(), (still ?? 0) + 1);
    assert.equal(output, 'I');
    assert.deepEqual((await client.call('cpu.resume', { vm: 'echo', cpu: 0 })).haltedCpus, [1]);
    await eventually('it answers', () => output === 'IB');
    await client.call('cpu.halt', { vm: 'echo', cpu: 0 });
    await client.call('vm.reset', { vm: 'echo' });
    assert.deepEqual(await halted(), []);
    client.type(stream, Buffer.from('L'));
    await eventually('it answers again', () => output === 'IBM');
    await assert.rejects(client.call('cpu.halt', { vm: 'echo', cpu: 2 }), refusedWith('BEELINE_E_CPU_UNKNOWN'));
    const told = events
      .filter(({ event }) => /^cpu\./.test(event))
      .map(({ event, data }) => [event, (data as { cpu: number }).cpu]);
    assert.deepEqual(told, [
      ['cpu.halted', 1],
      ['cpu.halted', 0],
      ['cpu.resumed', 0],
      ['cpu.halted', 0],
      ['cpu.resumed', 0],
      ['cpu.resumed', 1],
    ]);
    await client.call('cpu.halt', { vm: 'echo', cpu: 1 });
    await client.call('vm.stop', { vm: 'echo', timeout: 0 });
    await client.call('vm.start', { vm: 'echo' });
    assert.deepEqual(await halted(), []);
  });

  it('shows registers and memory of a paused guest', async () => {
    await client.call('vm.create', { name: 'echo', config: tiny('echo') });
    await client.call('vm.start', { vm: 'echo', paused: true });
    assert.equal(
      (await client.call('cpu.registers', { vm: 'echo' })).pc,
      '0x40080000',
      'the first instruction is still to come',
    );
    await client.call('vm.resume', { vm: 'echo' });
    await eventually('it executes', async () => {
      return ((await client.call('perf.counters', { vm: 'echo' })).cpus[0]?.instructions ?? 0) > 0;
    });
    await client.call('vm.pause', { vm: 'echo' });
    const program = readFileSync(folder.at('echo'));
    const read = async (
      more: { space?: 'physical'; cpu?: number },
      address = '0x40080000',
      length = program.length,
    ) => {
      const { base64 } = await client.call('memory.read', { vm: 'echo', address, length, ...more });
      return Buffer.from(base64, 'base64');
    };
    assert.ok((await read({})).equals(program));
    assert.ok((await read({ space: 'physical' })).equals(program));
    assert.equal((await read({ space: 'physical' }, '0x41fffffc', 100)).length, 4, 'up to the end of memory');
    await assert.rejects(read({}, '0x9000000'), refusedWith('BEELINE_E_ADDRESS'));
    await assert.rejects(read({ space: 'physical' }, '0xffffffffffffffff'), refusedWith('BEELINE_E_ADDRESS'));
    await assert.rejects(read({ cpu: 1 }), refusedWith('BEELINE_E_CPU_UNKNOWN'));
    await client.call('vm.resume', { vm: 'echo' });
    await assert.rejects(read({}), refusedWith('BEELINE_E_VM_STATE'));
    await assert.rejects(client.call('cpu.registers', { vm: 'echo' }), refusedWith('BEELINE_E_VM_STATE'));
    assert.ok((await read({ space: 'physical' })).equals(program));
    await client.call('vm.pause', { vm: 'echo' });
    const registers = await client.call('cpu.registers', { vm: 'echo' });
    assert.equal(registers.x[1], '0x9000000', 'the address of the serial port');
    assert.equal(registers.el, 1);
    assert.equal([...registers.x, ...registers.v].length, 31 + 32);
    const pc = Number(registers.pc);
    assert.ok(pc >= 0x4008_0000 && pc < 0x4008_0000 + program.length, registers.pc);
    await client.call('vm.reset', { vm: 'echo' });
    assert.equal(
      (await client.call('cpu.registers', { vm: 'echo' })).pc,
      '0x40080000',
      'the first instruction is still to come',
    );
  });

  it('samples counters, and stops to when told', async () => {
    await client.call('vm.create', { name: 'echo', config: tiny('echo'), start: true });
    let samples = 0;
    client.on('perf.sample', ({ counters, vm }) => {
      assert.equal(vm, 'echo');
      if ((counters.cpus[0]?.instructions ?? 0) > 0) samples++;
    });
    const { subscription } = await client.call('perf.subscribe', { vm: 'echo', interval: 0.2 });
    await eventually('two samples', () => samples >= 2);
    await client.call('perf.unsubscribe', { subscription });
    await assert.rejects(client.call('perf.unsubscribe', { subscription }), refusedWith('BEELINE_E_STREAM_UNKNOWN'));
  });

  it('tells resets that the guest does by itself', async () => {
    await client.call('vm.create', { name: 'reset', config: tiny('reset'), start: true });
    await eventually('it stops', () => states('reset').includes('stopped'));
    const resets = events
      .filter(({ event }) => event === 'vm.reset')
      .map(({ data }) => (data as { count: number }).count);
    assert.equal(
      resets.reduce((sum, count) => sum + count, 0),
      2,
    );
  });

  it('stops a guest that does not obey, or leaves it when force is off', async () => {
    await client.call('vm.create', { name: 'idle', config: tiny('idle'), start: true });
    await assert.rejects(
      client.call('vm.stop', { vm: 'idle', timeout: 0.2, force: false }),
      refusedWith('BEELINE_E_VM_TIMEOUT'),
    );
    await eventually('the button is told', () => has('vm.powerdown', 'idle'));
    const status = await client.call('vm.stop', { vm: 'idle', timeout: 0 });
    assert.equal(status.state, 'stopped');
    assert.equal(status.cause, 'request');
    assert.equal((await client.call('vm.start', { vm: 'idle' })).state, 'running');
    await assert.rejects(client.call('vm.delete', { vm: 'idle' }), refusedWith('BEELINE_E_VM_STATE'));
    await client.call('vm.delete', { vm: 'idle', force: true });
    assert.ok(!existsSync(`${daemon.state}/guests/idle`));
    await eventually('that is told', () => has('vm.deleted', 'idle'));
  });

  it('refuses up front what the limits do not allow', async () => {
    const config = { ...tiny('idle'), memoryBytes: 64 * 1024 * 1024 };
    const create = (name: string, more: object = {}) =>
      client.call('vm.create', { name, config: { ...config, ...more } });
    await assert.rejects(create('big', { memoryBytes: 256 * 1024 * 1024 }), refusedWith('BEELINE_E_LIMIT'));
    await assert.rejects(create('wide', { cpus: 5 }), refusedWith('BEELINE_E_LIMIT'));
    for (const name of ['a', 'b', 'c', 'd']) await create(name, { cpus: name === 'd' ? 3 : 1 });
    await assert.rejects(create('e'), refusedWith('BEELINE_E_LIMIT'));
    await assert.rejects(create('a'), refusedWith('BEELINE_E_VM_EXISTS'));
    await client.call('vm.start', { vm: 'a' });
    await client.call('vm.start', { vm: 'b' });
    await assert.rejects(client.call('vm.start', { vm: 'c' }), refusedWith('BEELINE_E_LIMIT'));
    await assert.rejects(client.call('vm.start', { vm: 'd' }), refusedWith('BEELINE_E_LIMIT'));
    await client.call('vm.stop', { vm: 'b', timeout: 0 });
    await client.call('vm.start', { vm: 'c' });
  });

  it('says what is wrong with what it is asked', async () => {
    await assert.rejects(client.call('vm.status', { vm: 'nobody' }), refusedWith('BEELINE_E_VM_UNKNOWN'));
    await assert.rejects(client.call('vm.status', { vm: 'nobody', x: 1 } as never), refusedWith('BEELINE_E_PARAMS'));
    await assert.rejects(client.call('vm.frobnicate' as never, {} as never), refusedWith('BEELINE_E_METHOD_UNKNOWN'));
    await assert.rejects(client.call('vm.create', { name: 'a', config: {} }), refusedWith('BEELINE_E_PARAMS'));
    const missing = { loads: [{ path: '/nowhere', address: 0 }] };
    await assert.rejects(
      client.call('vm.create', { name: 'a', config: missing }),
      refusedWith('BEELINE_E_FILE_MISSING'),
    );
    await assert.rejects(
      client.call('vm.create', { name: 'a', config: { image: 'x' } }),
      refusedWith('BEELINE_E_IMAGE_UNKNOWN'),
    );
    await client.call('vm.create', { name: 'a', config: tiny('idle') });
    await assert.rejects(client.call('vm.pause', { vm: 'a' }), refusedWith('BEELINE_E_VM_STATE'));
    const outside = { ...tiny('idle'), loads: [{ path: folder.at('idle'), address: 0xffff_ffff_0000 }] };
    await client.call('vm.create', { name: 'b', config: outside });
    await assert.rejects(client.call('vm.start', { vm: 'b' }), /loads|--load|address/);
    assert.equal((await client.call('vm.status', { vm: 'b' })).state, 'crashed');
    await assert.rejects(client.call('monitor.subscribe', { cursor: 'ab:1' }), refusedWith('BEELINE_E_CURSOR'));
  });

  it('reports a crash with last lines and counters, and starts the guest again where that is asked for', async () => {
    const config = { ...tiny('echo'), restart: { when: 'on-failure' as const, limit: 1 } };
    const { pid } = await client.call('vm.create', { name: 'echo', config, start: true });
    await client.call('vm.create', { name: 'other', config: tiny('idle'), start: true });
    await client.call('console.write', { vm: 'echo', base64: Buffer.from('HAL').toString('base64') });
    await eventually('its answers', async () => (await client.call('console.read', { vm: 'echo' })).end >= 3);
    process.kill(pid ?? 0, 'SIGKILL');
    const crash = await eventually('the report', () => events.find(({ event }) => event === 'vm.crashed'));
    const { detail, lastLines, counters } = crash.data as {
      detail: string;
      lastLines: string[];
      counters: object | null;
    };
    assert.equal(detail, 'killed by SIGKILL');
    assert.deepEqual(lastLines, ['IBM']);
    assert.ok(counters !== null);
    await eventually('it runs again', () => states('echo').join() === 'starting,running,crashed,starting,running');
    const again = await client.call('vm.status', { vm: 'echo' });
    assert.equal(again.restarts, 1);
    process.kill(again.pid ?? 0, 'SIGKILL');
    await eventually('it crashes again', () => states('echo').filter((state) => state === 'crashed').length === 2);
    assert.equal((await client.call('vm.status', { vm: 'other' })).state, 'running');
  });

  it('serves several viewers, also of what was written before they came', async () => {
    await client.call('vm.create', { name: 'flood', config: tiny('flood'), start: true });
    await eventually('it stops', () => states('flood').includes('stopped'));
    const expected = Buffer.from(Array.from({ length: 200_000 }, (_unused, index) => 97 + (index % 26)));
    const viewer = async (from: number) => {
      const one = await daemon.client();
      const pieces: Uint8Array[] = [];
      let next = from;
      await one.attach({ vm: 'flood', from }, (bytes, offset) => {
        assert.equal(offset, next);
        next += bytes.length;
        pieces.push(bytes);
      });
      await eventually('all of it', () => next === expected.length);
      one.close();
      assert.ok(Buffer.concat(pieces).equals(expected.subarray(from)));
    };
    await Promise.all([0, 1, 100_000].map(viewer));
  });

  it('refuses a second daemon in its folder', async () => {
    const second = await daemon.cli(['daemon', '--state', daemon.state, '--listen', 'unix']);
    assert.equal(second.status, 1);
    assert.match(
      second.stderr,
      new RegExp(`a daemon is at work in .* already \\(process ${daemon.pid}\\); use that one`),
    );
  });

  it('ends in order when told, and says so', async () => {
    await daemon.end('SIGTERM');
    assert.match(await client.closed, /daemon ends/);
    assert.ok(events.some(({ event }) => event === 'monitor.stopping'));
  });
});
