import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import type { VmStatus } from '../../src/monitor/domains/vm.js';
import { beeline } from '../support/cli.js';
import { daemonForEachTest, eventually, type TestDaemon } from '../support/daemon.js';
import { tinyGuest } from '../support/tiny-guests.js';

describe('guests on the command line', function () {
  this.timeout(120_000);
  let daemon: TestDaemon;
  const folder = daemonForEachTest((started) => {
    daemon = started;
  });

  async function good(...args: string[]): Promise<string> {
    const result = await daemon.cli(args);
    assert.equal(result.status, 0, `${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  async function refuses(status: number, message: RegExp, ...args: string[]): Promise<void> {
    const result = await daemon.cli(args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^beeline: .+; .+\n$/);
  }

  const load = (name: 'echo' | 'hello' | 'idle') => {
    tinyGuest(name, folder.at(name));
    return ['--load', `${folder.at(name)}@0x40080000`, '--memory', '32M'];
  };

  it('live, are seen, typed to, and forgotten', async () => {
    assert.equal(await good('create', 'a', ...load('echo')), 'a is created\n');
    assert.equal(await good('start', 'a', '--paused'), 'a is paused\n');
    assert.equal(await good('resume', 'a'), 'a is running\n');
    const line = /^a {6}running {2}\d+ s {4}1 {5}32 MiB/m;
    assert.match(await good('ps'), line);
    const [status] = JSON.parse(await good('ps', '--json')) as VmStatus[];
    assert.equal(status?.name, 'a');
    await good('monitor', 'console.write', JSON.stringify({ vm: 'a', base64: Buffer.from('HAL').toString('base64') }));
    assert.equal(await good('logs', 'a'), 'IBM');
    assert.equal(await good('logs', 'a', '--json'), '{"offset":0,"text":"IBM"}\n');
    const written = { pattern: /"text"/, signal: 'SIGTERM' } as const;
    for (const command of [['logs', '--follow'], ['attach']]) {
      const { stdout } = await daemon.cli([...command, 'a', '--json'], { signalAfterOutput: written });
      assert.equal(stdout, '{"offset":0,"text":"IBM"}\n', command.join(' '));
    }
    assert.match(await good('logs', 'a', '--process'), /guest a runs, start 1/);
    assert.match(await good('logs'), /"ready"/);
    assert.equal(await good('pause', 'a'), 'a is paused\n');
    assert.equal(await good('reset', 'a'), 'a is paused\n');
    assert.equal(await good('stop', 'a', '--timeout', '0'), 'a is stopped (request)\n');
    const lines = (await good('events', '--no-follow', '--json', '--guest', 'a', '--event', 'vm.state'))
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines.map((text) => (JSON.parse(text) as { data: { to: string } }).data.to),
      ['starting', 'paused', 'running', 'paused', 'stopped'],
    );
    assert.equal(await good('delete', 'a'), 'a is deleted\n');
    assert.equal((await good('ps')).trimEnd().split('\n').length, 1);
  });

  it('are reached from afar with a token', async () => {
    const token = (await good('token', '--role', 'view')).trim();
    assert.equal(token, daemon.tokens.view);
    writeFileSync(folder.at('token'), `${token}\n`);
    const afar = ['--host', daemon.url, '--token-file', folder.at('token')];
    assert.deepEqual(JSON.parse(await good('ps', '--json', ...afar)), []);
    await refuses(1, /vm\.create needs the role control/, 'create', 'a', 'x', ...afar);
    writeFileSync(folder.at('token'), 'wrong');
    await refuses(1, /the token is missing or wrong/, 'ps', ...afar);
    await refuses(
      2,
      /--host: ws:\/\/192\.0\.2\.1:1 would carry the token across the network in clear; write wss/,
      'ps',
      '--host',
      'ws://192.0.2.1:1',
    );
    await refuses(2, /--host: http:\/\/x is no address/, 'ps', '--host', 'http://x');
    await refuses(2, /--token-file: \/nowhere does not exist/, 'ps', '--host', daemon.url, '--token-file', '/nowhere');
  });

  it('are followed by attach until the daemon goes', async () => {
    await good('create', 'a', ...load('hello'), '--start');
    const attached = daemon.cli(['attach', 'a']);
    await eventually('it is attached', () => /"client"|ready/.test(daemon.log));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await daemon.end('SIGTERM');
    const { status, stdout, stderr } = await attached;
    assert.equal(stdout, 'OK');
    assert.equal(status, 1);
    assert.match(stderr, /the connection to the daemon was lost \(the daemon ends\)/);
  });

  it('are refused with a reason and a remedy', async () => {
    await refuses(2, /there is no guest called nobody; beeline ps lists/, 'start', 'nobody');
    await refuses(2, /vm\.create: name: /, 'create', 'No', 'x');
    await refuses(2, /no guest image called x/, 'create', 'a', 'x');
    await refuses(2, /frobnicate is not a method/, 'monitor', 'frobnicate');
    await refuses(2, /PARAMS: /, 'monitor', 'vm.list', '{');
    await refuses(2, /vm\.list: x: Unexpected property/, 'monitor', 'vm.list', '{"x":1}');
    await refuses(2, /is none of this journal/, 'events', '--cursor', 'a:1');
    await refuses(2, /--history: x is not a number/, 'attach', 'a', '--history', 'x');
    await refuses(2, /--restart: sometimes is not known/, 'create', 'a', 'x', '--restart', 'sometimes');
    await refuses(
      2,
      /config\.restart\.when: Expected one of never, on-failure, always/,
      ...['monitor', 'vm.create', '{"name":"a","config":{"restart":{"when":"x"}}}'],
    );
    writeFileSync(folder.at('large'), Buffer.alloc(4 * 1024 * 1024));
    await good('create', 'large', '--load', `${folder.at('large')}@0x40000000`, '--memory', '2M');
    const tooLarge = await daemon.cli(['start', 'large']);
    assert.notEqual(tooLarge.status, 0);
    for (const row of (await good('ps')).trimEnd().split('\n')) assert.ok(row.length < 110, row);
    await good('create', 'idle', ...load('idle'), '--start');
    await refuses(4, /idle has not stopped within 0 s/, 'stop', 'idle', '--timeout', '0', '--no-force');
    await refuses(4, /idle has not done it within 0\.5 s/, 'exec', '--timeout', '0.5', 'idle', 'true');
    const missing = await beeline(['ps', '--state', folder.at('nowhere')]);
    assert.equal(missing.status, 1);
    assert.match(
      missing.stderr,
      /^beeline: no daemon answers at .*nowhere\/socket \(.*ENOENT.*\); start one with: beeline daemon\n$/,
    );
    const token = await beeline(['token', '--state', folder.at('nowhere')]);
    assert.match(token.stderr, /it has no tokens yet\); start the daemon once/);
  });
});
