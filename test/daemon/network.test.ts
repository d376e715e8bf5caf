import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import type { MonitorClient } from '../../src/monitor/client.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { inGuest, waitForPrompt } from '../support/linux-guests.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

const hostAddress = '127.0.0.1';

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, hostAddress);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, hostAddress);
    const finish = (isConnected: boolean) => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

describe("a network card's link", function () {
  this.timeout(240_000);
  const vm = 'linux';
  let daemon: TestDaemon;
  let client: MonitorClient;
  daemonForEachTest(async (started) => {
    daemon = started;
    client = await daemon.client();
  });

  for (const bus of ['mmio', 'pci'] as const) {
    it(`is the carrier that Linux sees on ${bus}, and carries its frames or does not`, async () => {
      const shell = (command: string) => inGuest(daemon, vm, command);
      const setLink = (link: 'up' | 'down') => client.call('network.setLink', { vm, link });
      const carrier = '/sys/class/net/eth0/carrier';
      /** It hears of it by an interrupt, a moment later. */
      const becomes = (value: 0 | 1) => shell(`until [ "$(cat ${carrier})" = ${value} ]; do usleep 10000; done`);
      /** The network answers for this address by itself. */
      const reaches = () => shell('ping -c 1 -W 2 10.0.2.2 > /dev/null && echo yes || echo no');
      const changes = async () => Number(await shell('cat /sys/class/net/eth0/carrier_changes'));

      const networks = [{ kind: 'user' as const, bus }];
      await client.call('vm.create', { name: vm, config: { image: 'debian-busybox', networks } });
      await client.call('vm.start', { vm, paused: true });
      await setLink('down');
      await client.call('vm.resume', { vm });
      await waitForPrompt(client, vm);
      await shell('ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0');
      assert.equal(await shell(`cat ${carrier}`), '0', 'the cable was out before Linux looked');
      assert.equal(await reaches(), 'no');

      await setLink('up');
      await becomes(1);
      assert.equal(await reaches(), 'yes');
      const before = await changes();
      await setLink('up');
      await setLink('down');
      await becomes(0);
      assert.equal(await shell('cat /sys/class/net/eth0/operstate'), 'down');
      assert.equal(await reaches(), 'no');
      assert.equal((await changes()) - before, 1, 'what was so already is no change');

      // The cable stays where it is.
      await client.call('snapshot.save', { vm, name: 'out' });
      await setLink('up');
      await becomes(1);
      await client.call('snapshot.load', { vm, name: 'out' });
      const [card] = (await client.call('network.list', { vm })).cards;
      await becomes(card?.link === 'up' ? 1 : 0);
      await setLink('down');
      await becomes(0);
      const { end } = await client.call('console.read', { vm });
      await client.call('vm.reset', { vm });
      await eventually('it boots', async () => (await client.call('console.read', { vm })).end > end + 1000, 60);
      await waitForPrompt(client, vm);
      await shell('ip link set eth0 up');
      assert.equal(await shell(`cat ${carrier}`), '0', 'a reset does not put it in');
    });
  }
});

describe('network cards of guests of the daemon', function () {
  this.timeout(90_000);
  let client: MonitorClient;
  const folder = daemonForEachTest(async (daemon) => {
    client = await daemon.client();
  });

  const cards = async () => (await client.call('network.list', { vm: 'idle' })).cards;
  const events = async () =>
    (await client.call('monitor.events', {})).events
      .filter(({ event }) => event.startsWith('network.'))
      .map(({ event, data }) => ({ event, data }));

  const create = (config: object) =>
    client.call('vm.create', {
      name: 'idle',
      config: { ...tinyGuest('idle', folder.at('idle')), ...config },
      start: true,
    });

  it('are listed, lose their link and get it back', async () => {
    const mac = '52:54:00:aa:bb:cc';
    await create({ networks: [{ kind: 'user' }, { kind: 'user', mac, bus: 'pci', restrict: true }] });
    const first = { kind: 'user', mac: '52:54:00:12:34:56', bus: 'mmio', link: 'up', restrict: false } as const;
    const rest = { interface: null, forwards: [] };
    const second = { ...first, ...rest, mac, bus: 'pci', restrict: true };
    assert.deepEqual(await cards(), [{ ...first, ...rest }, second]);

    await client.call('network.setLink', { vm: 'idle', card: 1, link: 'down' });
    await client.call('network.setLink', { vm: 'idle', card: 1, link: 'down' });
    assert.deepEqual(await cards(), [
      { ...first, ...rest },
      { ...second, link: 'down' },
    ]);
    await client.call('network.setLink', { vm: 'idle', card: 1, link: 'up' });
    assert.deepEqual((await cards())[1], second);
    assert.deepEqual(
      await events(),
      ['down', 'up'].map((link) => ({ event: 'network.link', data: { card: 1, link } })),
    );
    await assert.rejects(
      client.call('network.setLink', { vm: 'idle', card: 2, link: 'up' }),
      refusedWith('BEELINE_E_CARD_UNKNOWN'),
    );
  });

  it('forward ports as asked, from one start to its end', async () => {
    const forward = { protocol: 'tcp', hostAddress, hostPort: await freePort(), guestPort: 22 } as const;
    const { guestPort: _guestPort, ...end } = forward;
    await create({ networks: [{ kind: 'user' }] });
    assert.equal(await connects(forward.hostPort), false);

    await client.call('network.addForward', { vm: 'idle', ...forward });
    assert.deepEqual((await cards())[0]?.forwards, [forward]);
    assert.equal(await connects(forward.hostPort), true);
    await assert.rejects(
      client.call('network.addForward', { vm: 'idle', ...forward }),
      refusedWith('BEELINE_E_FORWARD'),
    );

    await client.call('network.removeForward', { vm: 'idle', ...end });
    assert.deepEqual((await cards())[0]?.forwards, []);
    assert.equal(await connects(forward.hostPort), false);
    await assert.rejects(
      client.call('network.removeForward', { vm: 'idle', ...end }),
      refusedWith('BEELINE_E_FORWARD_UNKNOWN'),
    );
    assert.deepEqual(await events(), [
      { event: 'network.forwardAdded', data: { card: 0, ...forward } },
      { event: 'network.forwardRemoved', data: { card: 0, ...end } },
    ]);

    await client.call('network.addForward', { vm: 'idle', ...forward });
    await client.call('vm.stop', { vm: 'idle', timeout: 0 });
    await assert.rejects(cards(), refusedWith('BEELINE_E_VM_STATE'));
    assert.equal(await connects(forward.hostPort), false);
    await client.call('vm.start', { vm: 'idle' });
    assert.deepEqual((await cards())[0]?.forwards, []);
  });

  it('of a restricted guest get no forwards when its process makes no sockets any more', async () => {
    await create({ networks: [{ kind: 'user', restrict: true }] });
    const forward = { protocol: 'udp', hostAddress, hostPort: await freePort(), guestPort: 22 } as const;
    await assert.rejects(
      client.call('network.addForward', { vm: 'idle', ...forward }),
      refusedWith('BEELINE_E_FORWARD', /when the guest is started/),
    );
    assert.deepEqual((await cards())[0]?.forwards, []);
  });
});
