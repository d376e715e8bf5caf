import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import type { MonitorClient } from '../../src/monitor/client.js';
import { cliPath } from '../support/cli.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { inGuest, waitForPrompt } from '../support/linux-guests.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('console.resize', function () {
  this.timeout(150_000);
  let daemon: TestDaemon;
  let client: MonitorClient;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
  });

  const create = (name: string, ports: object[]) =>
    client.call('vm.create', {
      name,
      config: { image: 'debian-busybox', append: 'console=ttyAMA0 console=hvc0', ports } as never,
    });

  const resize = (vm: string, columns: number, rows: number, console?: number) =>
    client.call('console.resize', { vm, columns, rows, ...(console !== undefined && { console }) });

  /** What the guest's shell finds, which may hear of a new size a moment later. */
  async function hasSize(vm: string, wanted: string, terminal = '/dev/hvc0'): Promise<void> {
    const script = `until [ "$(stty size < ${terminal})" = "${wanted}" ]; do usleep 10000; done`;
    await inGuest(daemon, vm, script);
  }

  /** beeline attach in a terminal, whose size changes. */
  async function attachHasSizes(): Promise<void> {
    const { resizable } = await client.call('console.attach', { vm: 'alone', history: 0 });
    assert.equal(resizable, true);
    const shell = `stty rows 33 cols 99; exec "${process.execPath}" "${cliPath}" attach alone`;
    const child = spawn('script', ['-qefc', `tty > "${folder.at('tty')}"; ${shell}`, '/dev/null'], {
      env: { ...process.env, BEELINE_STATE: daemon.state },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    await eventually('the console', () => output.includes('Ctrl-A x leaves'));
    await hasSize('alone', '33 99');
    spawn('sh', ['-c', `stty rows 50 cols 132 < "$(cat "${folder.at('tty')}")"`], { stdio: 'inherit' });
    await hasSize('alone', '50 132');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.write('\x01x');
    assert.equal(await ended, 0);
  }

  it('gives a console alone its size: before the guest starts, while it runs, after a snapshot, and by attach', async () => {
    await create('alone', [{ kind: 'serial', console: true }]);
    await resize('alone', 101, 37);
    await client.call('vm.start', { vm: 'alone' });
    await waitForPrompt(client, 'alone');
    await hasSize('alone', '37 101');
    // More than a shell can deal with.
    await resize('alone', 65_535, 1);
    await resize('alone', 400, 120);
    await hasSize('alone', '120 400');
    await client.call('snapshot.save', { vm: 'alone', name: 'wide' });
    await resize('alone', 80, 24);
    await hasSize('alone', '24 80');
    await client.call('snapshot.load', { vm: 'alone', name: 'wide' });
    await hasSize('alone', '24 80');
    await assert.rejects(resize('alone', 80, 24, 1), refusedWith('BEELINE_E_CONSOLE_UNKNOWN'));
    await attachHasSizes();
  });

  it('gives each of several consoles its own, on PCI too', async () => {
    await create('several', [
      { kind: 'serial', console: true, bus: 'pci' },
      { kind: 'file', path: folder.at('log'), name: 'org.example.log', bus: 'pci' },
      { kind: 'socket', path: folder.at('second'), console: true, bus: 'pci' },
    ]);
    await client.call('vm.start', { vm: 'several' });
    await resize('several', 91, 31);
    await waitForPrompt(client, 'several');
    await resize('several', 92, 32, 1);
    await hasSize('several', '31 91');
    await hasSize('several', '32 92', '/dev/hvc1');
    await resize('several', 80, 25, 0);
    await hasSize('several', '25 80');
    await hasSize('several', '32 92', '/dev/hvc1');
  });

  it('says that a serial port has no size, and refuses what is none', async () => {
    await client.call('vm.create', { name: 'serial', config: tinyGuest('idle', folder.at('idle')), start: true });
    const serialPort = refusedWith('BEELINE_E_CONSOLE_SIZE', /its PL011 serial port, which has no size/);
    await assert.rejects(resize('serial', 80, 24), serialPort);
    assert.equal((await client.call('console.attach', { vm: 'serial' })).resizable, false);
    await assert.rejects(resize('serial', 80, 24, 0), refusedWith('BEELINE_E_CONSOLE_UNKNOWN'));
    await assert.rejects(resize('nobody', 80, 24), refusedWith('BEELINE_E_VM_UNKNOWN'));
    for (const [columns, rows] of [
      [0, 24],
      [80, 0],
      [65_536, 24],
      [80, -1],
      [80.5, 24],
    ] as const) {
      await assert.rejects(resize('serial', columns, rows), refusedWith('BEELINE_E_PARAMS'));
    }
  });
});
