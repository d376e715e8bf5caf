import { strict as assert } from 'node:assert';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive } from '../../src/daemon/process-identity.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { EventHistory } from '../support/event-history.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('a daemon that is killed', function () {
  this.timeout(120_000);
  let daemon: TestDaemon;
  let history: EventHistory;
  const folder = daemonForEachTest(async (started) => {
    daemon = started;
    history = new EventHistory(daemon.socket);
    await eventually('it follows', () => history.isFollowing);
  });
  afterEach(() => history.end());

  it('finds its guests again, and every event is told exactly once', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const client = await daemon.client();
    const pids = new Map<string, number>();
    await Promise.all(
      names.map(async (name) => {
        const config = tinyGuest(name === 'd' ? 'idle' : 'echo', folder.at(name));
        const { pid } = await client.call('vm.create', { name, config, start: true });
        pids.set(name, pid ?? 0);
      }),
    );
    await client.call('console.write', { vm: 'b', base64: Buffer.from('HAL').toString('base64') });
    process.kill(pids.get('a') ?? 0, 'SIGKILL');
    await daemon.end('SIGKILL');
    client.close();
    // One ends in order, and one dies, while nobody watches.
    process.kill(pids.get('c') ?? 0, 'SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 500));
    process.kill(pids.get('d') ?? 0, 'SIGKILL');
    await daemon.start();
    const again = await daemon.client();
    await eventually(
      'all is told',
      () => history.states('d').at(-1) === 'crashed' && history.count('vm.crashed') === 2,
    );
    const { vms } = await again.call('vm.list', {});
    assert.deepEqual(
      vms.map(({ name, state, cause }) => [name, state, cause]),
      [
        ['a', 'crashed', 'killed'],
        ['b', 'running', 'request'],
        ['c', 'stopped', 'killed'],
        ['d', 'crashed', 'killed'],
      ],
    );
    assert.equal(vms.find(({ name }) => name === 'b')?.pid, pids.get('b'));
    let output = '';
    const { stream } = await again.attach({ vm: 'b' }, (bytes) => {
      output += Buffer.from(bytes).toString();
    });
    await eventually('what was written before', () => output === 'IBM');
    again.type(stream, Buffer.from('q'));
    await eventually('it stops', () => history.states('b').at(-1) === 'stopped');
    assert.ok(history.lost > 0);
    assert.equal(history.count('monitor.started'), 1);
    history.check();
    again.close();
  });

  it('in the middle of starts leaves no guest behind that it does not know', async () => {
    const client = await daemon.client();
    const calls = ['a', 'b', 'c'].map((name) => {
      const config = tinyGuest('idle', folder.at(name));
      return client.call('vm.create', { name, config, start: true }).catch(() => undefined);
    });
    await eventually('two are starting', () => history.events.filter(({ event }) => event === 'vm.state').length >= 2);
    await daemon.end('SIGKILL');
    await Promise.all(calls);
    await daemon.start();
    const again = await daemon.client();
    const vms = await eventually('all have started or have not', async () => {
      const list = await again.call('vm.list', {});
      return list.vms.every(({ state }) => state !== 'starting') && list.vms;
    });
    assert.ok(vms.length >= 2);
    for (const { name } of vms) await again.call('vm.delete', { vm: name, force: true });
    await eventually('that is told', () => history.count('vm.deleted') === vms.length);
    history.check();
    again.close();
  });

  it('starts a guest again that was to be restarted', async () => {
    const client = await daemon.client();
    const config = { ...tinyGuest('idle', folder.at('idle')), restart: { when: 'on-failure' as const } };
    const { pid } = await client.call('vm.create', { name: 'idle', config, start: true });
    await daemon.end('SIGKILL');
    process.kill(pid ?? 0, 'SIGKILL');
    client.close();
    await daemon.start();
    await eventually(
      'it runs again',
      () => history.states('idle').join() === 'starting,running,crashed,starting,running',
    );
    history.check();
  });

  it('was of an earlier version: its guests are taken over once', async () => {
    const client = await daemon.client();
    for (const name of ['a', 'b']) {
      await client.call('vm.create', { name, config: tinyGuest('idle', folder.at(name)), start: name === 'a' });
    }
    const { pid } = await client.call('vm.status', { vm: 'a' });
    client.close();
    await daemon.end('SIGKILL');
    const at = (...names: string[]) => join(daemon.state, ...names);
    const makeOld = (name: string) => renameSync(at('records', `${name}.json`), at('guests', name, 'record.json'));
    for (const name of ['a', 'b']) makeOld(name);
    rmSync(at('records'), { recursive: true });
    await daemon.start();
    const again = await daemon.client();
    const { vms } = await again.call('vm.list', {});
    assert.deepEqual(
      vms.map(({ name, state }) => [name, state]),
      [
        ['a', 'running'],
        ['b', 'created'],
      ],
    );
    assert.equal(vms[0]?.pid, pid);
    assert.match(daemon.log, /guests of an earlier version are taken over/);
    again.close();
    await daemon.end('SIGKILL');
    // Later on a process could have written such a file itself.
    makeOld('b');
    await daemon.start();
    assert.match(daemon.log, /b is of an earlier version, and was not there .* stop the daemon, then: mv /);
    const last = await daemon.client();
    assert.equal((await last.call('vm.list', {})).vms.length, 1);
    last.close();
  });

  it('and whose folder is removed leaves no guest running', async () => {
    const client = await daemon.client();
    const { pid } = await client.call('vm.create', {
      name: 'idle',
      config: tinyGuest('idle', folder.at('idle')),
      start: true,
    });
    client.close();
    await daemon.end('SIGKILL');
    const identity = identify(pid ?? 0);
    assert.ok(identity !== undefined);
    rmSync(daemon.state, { recursive: true });
    await eventually('it ends', () => !isAlive(identity));
  });
});
