import { strict as assert } from 'node:assert';
import { truncateSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { tinyGuest } from '../support/tiny-guests.js';

type Message = Readonly<Record<string, unknown>>;

/** A client as plain as they come. */
class QmpClient {
  readonly messages: Message[] = [];
  readonly #send: (text: string) => void;
  #lastId = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  static onSocket(socket: Socket): QmpClient {
    const client = new QmpClient((text) => socket.write(text));
    let text = '';
    socket.on('data', (data: Buffer) => {
      const lines = (text + data.toString()).split('\r\n');
      text = lines.pop() ?? '';
      for (const line of lines) client.messages.push(JSON.parse(line) as Message);
    });
    return client;
  }

  async execute(command: string, args: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    this.#send(JSON.stringify({ execute: command, arguments: args, id }));
    const answer = await eventually(command, () => this.messages.find((message) => message.id === id));
    if ('error' in answer) throw new Error((answer.error as { desc: string }).desc);
    return answer.return;
  }

  event(name: string): Promise<Message> {
    return eventually(name, () => this.messages.find((message) => message.event === name));
  }
}

describe('QMP of a guest', function () {
  this.timeout(60_000);
  let daemon: TestDaemon;
  const folder = daemonForEachTest((started) => {
    daemon = started;
  });

  it('drives it for several clients at once, with the daemon or without', async () => {
    const owner = await daemon.client();
    const config = tinyGuest('echo', folder.at('echo'));
    const { id } = await owner.call('vm.create', { name: 'a', config });
    await owner.call('vm.start', { vm: 'a', paused: true });
    const path = `${daemon.state}/guests/a/qmp`;
    const one = QmpClient.onSocket(createConnection(path));
    const two = QmpClient.onSocket(createConnection(path));
    for (const client of [one, two]) await client.execute('qmp_capabilities');
    assert.deepEqual(await one.execute('query-status'), { running: false, singlestep: false, status: 'prelaunch' });
    assert.deepEqual(await one.execute('query-uuid'), { UUID: id });
    await one.execute('cont');
    for (const client of [one, two]) await client.event('RESUME');
    assert.deepEqual(await two.execute('query-status'), { running: true, singlestep: false, status: 'running' });
    await two.execute('stop');
    await one.event('STOP');
    assert.deepEqual(await one.execute('query-status'), { running: false, singlestep: false, status: 'paused' });
    assert.equal((await owner.call('vm.status', { vm: 'a' })).state, 'paused');
    await one.execute('system_reset');
    assert.deepEqual((await two.event('RESET')).data, { guest: false, reason: 'host-qmp-system-reset' });
    await owner.call('vm.resume', { vm: 'a' });
    owner.close();
    await daemon.end('SIGKILL');
    await one.execute('system_powerdown');
    await two.event('POWERDOWN');
    await one.execute('quit');
    assert.deepEqual((await two.event('SHUTDOWN')).data, { guest: false, reason: 'host-qmp-quit' });
    await daemon.start();
    const again = await daemon.client();
    assert.equal((await again.call('vm.status', { vm: 'a' })).state, 'stopped');
    again.close();
  });

  it('saves, loads and deletes snapshots by jobs', async () => {
    const owner = await daemon.client();
    const disk = folder.at('disk.img');
    writeFileSync(disk, '');
    truncateSync(disk, 1 << 20);
    const config = { ...tinyGuest('echo', folder.at('echo')), drives: [{ path: disk, format: 'raw' as const }] };
    await owner.call('vm.create', { name: 'a', config, start: true });
    const client = QmpClient.onSocket(createConnection(`${daemon.state}/guests/a/qmp`));
    await client.execute('qmp_capabilities');
    const [node] = (await client.execute('query-named-block-nodes')) as [{ 'node-name': string }];
    const args = { tag: 'clean', vmstate: node['node-name'], devices: [node['node-name']] };
    const { vmstate: _, ...rest } = args;
    const statuses = (id: string) =>
      client.messages
        .filter(({ event, data }) => event === 'JOB_STATUS_CHANGE' && (data as { id: string }).id === id)
        .map(({ data }) => (data as { status: string }).status);
    const concluded = (id: string) => eventually(id, () => statuses(id).at(-1) === 'concluded');
    await client.execute('snapshot-save', { 'job-id': 'save', ...args });
    await concluded('save');
    assert.deepEqual(statuses('save'), ['created', 'running', 'waiting', 'pending', 'concluded']);
    const names = client.messages.flatMap(({ event }) => (event === 'STOP' || event === 'RESUME' ? [event] : []));
    assert.deepEqual(names, ['STOP', 'RESUME']);
    const { snapshots } = await owner.call('snapshot.list', { vm: 'a' });
    assert.deepEqual(
      snapshots.map(({ name }) => name),
      ['clean'],
    );
    await client.execute('snapshot-load', { 'job-id': 'load', ...args });
    await concluded('load');
    await client.execute('snapshot-load', { 'job-id': 'other', ...args, tag: 'unknown' });
    await concluded('other');
    await client.execute('snapshot-delete', { 'job-id': 'delete', ...rest });
    await concluded('delete');
    const jobs = (await client.execute('query-jobs')) as { id: string; type: string; status: string; error?: string }[];
    assert.deepEqual(
      jobs.map(({ id, type, error }) => [id, type, error]),
      [
        ['save', 'snapshot-save', undefined],
        ['load', 'snapshot-load', undefined],
        ['other', 'snapshot-load', "Snapshot 'unknown' does not exist"],
        ['delete', 'snapshot-delete', undefined],
      ],
    );
    assert.deepEqual((await owner.call('snapshot.list', { vm: 'a' })).snapshots, []);
    const refused = (command: string, wrong: object, message: RegExp) =>
      assert.rejects(client.execute(command, wrong), message);
    await refused('snapshot-save', { 'job-id': 'save', ...args }, /already in use/);
    await refused('snapshot-save', { 'job-id': 'x', ...args, devices: ['y'] }, /No block device node 'y'/);
    await refused('snapshot-save', { 'job-id': 'x', ...args, tag: '../up' }, /'tag'/);
    await refused('job-cancel', { id: 'save' }, /in state 'concluded' cannot accept command verb 'cancel'/);
    for (const { id } of jobs) await client.execute('job-dismiss', { id });
    await refused('job-dismiss', { id: 'save' }, /Job not found/);
    assert.deepEqual(await client.execute('query-jobs'), []);
    const { events } = await owner.call('monitor.events', { events: ['snapshot.*'] });
    assert.deepEqual(
      events.map(({ event, data }) => [event, data]),
      [
        ['snapshot.saved', { name: 'clean' }],
        ['snapshot.loaded', { name: 'clean' }],
      ],
    );
    owner.close();
  });

  it('is served over WebSocket to those who may control', async () => {
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    const url = `${daemon.url}/qmp/a`;
    const status = (target: string, token: string) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(target, { headers: { authorization: `Bearer ${token}` } });
        socket.on('unexpected-response', (_request, response) => {
          resolve(response.statusCode ?? 0);
          socket.terminate();
        });
        socket.on('error', () => undefined);
      });
    assert.equal(await status(url, daemon.tokens.view), 401);
    assert.equal(await status(`${daemon.url}/qmp/nobody`, daemon.tokens.control), 404);
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${daemon.tokens.control}` } });
    const client = new QmpClient((text) => socket.send(text));
    socket.on('message', (data: Buffer) => client.messages.push(JSON.parse(data.toString()) as Message));
    await eventually('the greeting', () => client.messages.some((message) => 'QMP' in message));
    await client.execute('qmp_capabilities');
    assert.deepEqual(await client.execute('query-name'), { name: 'a' });
    await assert.rejects(client.execute('device_add'), /has not been found/);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await client.execute('quit');
    await closed;
    owner.close();
  });

  it('is told over WebSocket when the daemon ends, which does not wait for it', async () => {
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    owner.close();
    const headers = { authorization: `Bearer ${daemon.tokens.control}` };
    const socket = new WebSocket(`${daemon.url}/qmp/a`, { headers });
    await new Promise((resolve) => socket.once('message', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    const begun = performance.now();
    await daemon.end('SIGTERM');
    assert.ok(performance.now() - begun < 4000, `${performance.now() - begun} ms`);
    assert.equal(await closed, 1001);
  });
});
