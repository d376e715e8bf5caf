import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { connect } from '../../src/monitor/connect.js';
import { writeNotification, writeRequest } from '../../src/monitor/json-rpc.js';
import { beeline } from '../support/cli.js';
import { eventually, TestDaemon } from '../support/daemon.js';
import { TemporaryFolder } from '../support/temporary.js';
import { refusedWith } from '../support/throws.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('the monitor against those who mean harm', function () {
  this.timeout(60_000);
  let daemon: TestDaemon;
  const folder = new TemporaryFolder(() => daemon?.destroy());

  async function start(...args: string[]): Promise<void> {
    daemon = new TestDaemon(folder.path, ...args);
    await daemon.start({ BEELINE_LIMITS_PATIENCE: '1', BEELINE_LIMITS_RATE: '50', BEELINE_LIMITS_MESSAGE: '4096' });
  }

  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const withToken = (token: string) => connect({ kind: 'url', url: daemon.url, token });

  /** The status that an attempt to connect is answered with; 101 when it succeeds. */
  function handshake(options: ClientOptions, path = '/monitor'): Promise<number> {
    return new Promise((resolve) => {
      const socket = new WebSocket(new URL(path, daemon.url), options);
      socket.on('open', () => {
        resolve(101);
        socket.terminate();
      });
      socket.on('unexpected-response', (_request, response: IncomingMessage) => {
        resolve(response.statusCode ?? 0);
        socket.terminate();
      });
      socket.on('error', () => undefined);
    });
  }

  function http(
    path: string,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const request = get(daemon.url.replace('ws:', 'http:') + path, { headers, method }, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => {
          text += data.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject);
    });
  }

  /** Opens a connection and leaves it alone. */
  function open(options: ClientOptions = {}): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(new URL('/monitor', daemon.url), options);
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
    });
  }

  const closing = (socket: WebSocket) => new Promise<number>((resolve) => socket.on('close', resolve));

  it('asks for a token, gives each its role, and tells nobody what it is', async () => {
    await start();
    const { view, control, admin } = daemon.tokens;
    assert.equal(new Set([view, control, admin]).size, 3);
    assert.equal(await handshake(bearer('wrong')), 401);
    await assert.rejects(withToken('wrong'), refusedWith('BEELINE_E_UNAUTHORIZED'));

    const silent = await connect({ kind: 'url', url: daemon.url, token: undefined });
    await assert.rejects(silent.call('vm.list', {}), refusedWith('BEELINE_E_UNAUTHORIZED'));
    assert.deepEqual(await silent.call('monitor.authenticate', { token: view }), { role: 'view' });
    assert.deepEqual(await silent.call('vm.list', {}), { vms: [] });
    silent.close();

    const stranger = await connect({ kind: 'url', url: daemon.url, token: undefined });
    await assert.rejects(
      stranger.call('monitor.authenticate', { token: 'wrong' }),
      refusedWith('BEELINE_E_UNAUTHORIZED'),
    );
    await stranger.closed;

    const config = tinyGuest('echo', folder.at('echo'));
    const viewer = await withToken(view);
    await assert.rejects(viewer.call('vm.create', { name: 'a', config }), refusedWith('BEELINE_E_FORBIDDEN'));
    await assert.rejects(viewer.call('monitor.shutdown', {}), refusedWith('BEELINE_E_FORBIDDEN'));
    const controller = await withToken(control);
    await assert.rejects(controller.call('vm.create', { name: 'a', config }), refusedWith('BEELINE_E_FORBIDDEN'));
    await assert.rejects(controller.call('monitor.clients', {}), refusedWith('BEELINE_E_FORBIDDEN'));
    const master = await withToken(admin);
    await master.call('vm.create', { name: 'a', config, start: true });
    const { stream } = await viewer.attach({ vm: 'a' }, () => undefined);
    viewer.type(stream, Buffer.from('x'));
    await viewer.call('vm.list', {});
    await controller.call('vm.stop', { vm: 'a', timeout: 0 });
    assert.equal((await master.call('vm.status', { vm: 'a' })).consoleEnd, 0, 'a viewer cannot type');
    assert.equal((await master.call('monitor.clients', {})).clients.length, 3);
    for (const client of [viewer, controller, master]) client.close();
    for (const token of [view, control, admin]) assert.ok(!daemon.log.includes(token));
  });

  it('refuses pages of other origins, and names that only point here', async () => {
    await start();
    const { admin } = daemon.tokens;
    const port = new URL(daemon.url).port;
    const from = (origin: string, host = `127.0.0.1:${port}`) =>
      handshake({ headers: { authorization: `Bearer ${admin}`, origin, host } });
    assert.equal(await from(`http://127.0.0.1:${port}`), 101);
    assert.equal(await from('http://evil.example'), 403);
    assert.equal(await from(`http://127.0.0.1:${Number(port) + 1}`), 403);
    assert.equal(await from('null'), 403);
    assert.equal(await from(`http://evil.example:${port}`, `evil.example:${port}`), 403);
    assert.equal(await from(`http://127.0.0.1.evil.example:${port}`, `127.0.0.1.evil.example:${port}`), 403);
    assert.match(daemon.log, /"reason":"origin http:\/\/evil\.example"/);
  });

  it('blocks who guesses tokens', async () => {
    await start();
    for (let i = 0; i < 10; i++) assert.equal(await handshake(bearer(`guess ${i}`)), 401);
    assert.equal(await handshake(bearer(daemon.tokens.admin)), 429);
    assert.equal((await http('/metrics', bearer(daemon.tokens.view).headers)).status, 429);
    assert.equal((await http('/')).status, 429);
    for (const path of ['/healthz', '/readyz']) assert.equal((await http(path)).status, 200, path);
    await assert.rejects(withToken(daemon.tokens.admin), { code: 'BEELINE_E_DAEMON_REFUSED' });
    const owner = await daemon.client();
    await owner.call('vm.list', {});
    owner.close();
  });

  it('tells nobody without a token which guests there are', async () => {
    await start();
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    owner.close();
    assert.equal(await handshake({}, '/qmp/a'), 401);
    assert.equal(await handshake({}, '/qmp/b'), 401);
    assert.equal(await handshake(bearer(daemon.tokens.view), '/qmp/b'), 401);
    assert.equal(await handshake(bearer(daemon.tokens.control), '/qmp/b'), 404);
    assert.equal(await handshake(bearer(daemon.tokens.control), '/qmp/a'), 101);
  });

  it('takes away no file but a socket that nobody serves', async () => {
    writeFileSync(folder.at('precious'), 'data');
    const served = createServer().listen(folder.at('served'));
    await once(served, 'listening');
    const left = spawnSync('python3', [
      '-c',
      'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
      folder.at('left'),
    ]);
    assert.equal(left.status, 0);
    const refused = async (name: string, detail: RegExp) => {
      const state = ['--state', folder.at('other')];
      const result = await beeline(['daemon', ...state, '--listen', `unix:${folder.at(name)}`]);
      assert.equal(result.status, 1);
      assert.match(result.stderr, detail);
    };
    await refused(
      'precious',
      /cannot listen on unix:.*precious \(there is a file that is not a socket\); choose another/,
    );
    assert.equal(readFileSync(folder.at('precious'), 'utf8'), 'data');
    await refused('served', /cannot listen on unix:.*served \(another process listens there\); choose another/);
    served.close();
    await refused(
      'nowhere/socket',
      /cannot listen on unix:.*nowhere\/socket \(its folder does not exist\); choose another/,
    );
    await start('--listen', `unix:${folder.at('left')}`);
    assert.equal((await beeline(['ps', '--host', `unix:${folder.at('left')}`])).status, 0);
  });

  it('serves health to all and metrics to those with a token', async () => {
    await start();
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'a', config: tinyGuest('idle', folder.at('idle')), start: true });
    assert.deepEqual(await http('/healthz'), { status: 200, text: 'ok\n' });
    assert.deepEqual(await http('/readyz'), { status: 200, text: 'ready\n' });
    assert.equal((await http('/metrics')).status, 401);
    assert.equal((await http('/nowhere')).status, 404);
    assert.equal((await http('/monitor')).status, 404);
    assert.equal((await http('/healthz', {}, 'POST')).status, 405);
    assert.equal((await http('/healthz', { origin: 'http://evil.example' })).status, 403);
    assert.equal(await handshake({}, '/elsewhere'), 404);
    const { status, text } = await http('/metrics', bearer(daemon.tokens.view).headers);
    assert.equal(status, 200);
    assert.match(text, /^beeline_vms\{state="running"\} 1$/m);
    assert.match(text, /^beeline_vm_instructions_total\{vm="a",cpu="0"\} \d+$/m);
    for (const line of text.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [\d.e+-]+)$/);
    }
    owner.close();
  });

  it('closes on messages that are too large, and slows those who send too many', async () => {
    await start();
    const large = await open(bearer(daemon.tokens.view));
    const status = closing(large);
    large.send('x'.repeat(5000));
    assert.equal(await status, 1009);

    const hasty = await open(bearer(daemon.tokens.view));
    let answered = 0;
    let refused = 0;
    hasty.on('message', (data: Buffer) => {
      if (data.toString().includes('BEELINE_E_RATE')) refused++;
      else answered++;
    });
    for (let id = 0; id < 300; id++) hasty.send(writeRequest(id, 'vm.list', {}));
    await eventually('all are answered', () => answered + refused === 300);
    assert.ok(answered >= 50 && answered < 200, `${answered} answered`);
    const dropped = closing(hasty);
    for (let id = 0; id < 2000; id++) hasty.send(writeRequest(id, 'vm.list', {}));
    assert.equal(await dropped, 4029);
  });

  it('counts each message of a batch', async () => {
    await start();
    const client = await open(bearer(daemon.tokens.view));
    const answers: string[] = [];
    client.on('message', (data: Buffer) => {
      for (const answer of JSON.parse(data.toString()) as object[]) answers.push(JSON.stringify(answer));
    });
    const batch = Array.from({ length: 40 }, (_unused, id) => writeRequest(id, 'monitor.version', {}));
    // What is refused of these is not told either.
    batch.push(...Array.from({ length: 10 }, () => writeNotification('monitor.version', {})));
    // Some come when nothing is left, and are refused whole.
    for (let i = 0; i < 10; i++) client.send(`[${batch.join(',')}]`);
    await eventually('all are answered', () => answers.length >= 400);
    const refused = answers.filter((answer) => answer.includes('BEELINE_E_RATE')).length;
    assert.ok(refused > 200, `${refused} of 400 are refused`);
    assert.ok(400 - refused >= 50, `${refused} of 400 are refused`);
    assert.equal(answers.length, 400);
    client.terminate();
  });

  it('gives up on who does not take an answer', async () => {
    await start();
    const { hostname, port } = new URL(daemon.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    socket.pause();
    for (let i = 0; i < 50; i++) socket.write('GET /main.js HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('it is dropped', () => /"reason":"it does not take the answer"/.test(daemon.log), 50);
    socket.destroy();
  });

  it('gives up on half a request', async () => {
    await start();
    const { hostname, port } = new URL(daemon.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    const ended = new Promise<number>((resolve) => socket.on('close', () => resolve(performance.now())));
    const begun = performance.now();
    socket.write('GET /monitor HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('X-Slow: 1\r\n'), 300);
    socket.resume();
    const seconds = ((await ended) - begun) / 1000;
    clearInterval(drip);
    assert.ok(seconds < 20, `${seconds} s`);
  });

  it('tells a client that reads nothing, drops it, and lets neither guests nor others wait', async () => {
    await start();
    const owner = await daemon.client();
    await owner.call('vm.create', { name: 'flood', config: tinyGuest('flood', folder.at('flood')), start: true });
    await eventually('it stops', async () => (await owner.call('vm.status', { vm: 'flood' })).state === 'stopped');
    const lazy = await open(bearer(daemon.tokens.view));
    let told = false;
    lazy.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary && data.toString().includes('"monitor.slow"')) told = true;
    });
    lazy.pause();
    for (let id = 0; id < 90; id++) lazy.send(writeRequest(id, 'console.attach', { vm: 'flood', from: 0 }));
    await eventually('it is dropped', () => /it has read nothing for/.test(daemon.log));
    const { clients } = await owner.call('monitor.clients', {});
    const largest = Math.max(...clients.map(({ bufferedBytes }) => bufferedBytes));
    assert.ok(largest < 512 * 1024, `${largest} bytes are kept for it`);
    const status = closing(lazy);
    lazy.resume();
    assert.equal(await status, 4008);
    assert.ok(told);
    await owner.call('vm.list', {});
    owner.close();
  });
});
